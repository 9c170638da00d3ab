"""Generated programs end at their limits, reach nothing, and leave nothing behind."""

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from evaluation import sandbox as sandbox_module
from evaluation.errors import SandboxError
from evaluation.sandbox import Limits, Sandbox, Verdict


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    """Open a sandbox with little of everything."""
    return Sandbox(Limits(seconds=5.0, memory_bytes=256 << 20))


@pytest.mark.parametrize(
    "source",
    [
        "",
        "import collections, functools, hashlib, heapq, itertools, math, random, re, typing",
        "print('x' * 10_000_000)",
        "import sys\nassert sys.argv == ['program.py'] and __name__ == '__main__'",
        "try:\n    input()\nexcept EOFError:\n    pass",
        "import os\nassert not os.listdir('.') and not os.environ.get('HOME')",
        "import sys\nassert not any('site-packages' in place for place in sys.path)",
    ],
)
def test_ordinary_programs_pass(sandbox: Sandbox, source: str) -> None:
    """The standard library, output, an empty folder and an empty environment."""
    assert sandbox.run(source) is Verdict.PASSED


@pytest.mark.parametrize(
    "source",
    [
        "assert False",
        "def broken(:",
        "raise SystemExit(0)",
        "import os\nos._exit(0)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "x = bytearray(1 << 30)",
        "def f():\n    return f()\nf()",
        "import os\nos.fork()",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''], check=True)",
        "import os\nos.system('true')",
        "open('file', 'w')",
        "import os\nos.remove('/nowhere')",
        "import shutil\nshutil.rmtree('/nowhere')",
        "import ctypes\nctypes.CDLL(None)",
        "\0",
    ],
)
def test_failures_limits_and_forbidden_calls_fail(sandbox: Sandbox, source: str) -> None:
    """A program passes only by running to its end, and may touch nothing of the machine."""
    assert sandbox.run(source) is Verdict.FAILED


@pytest.mark.parametrize("source", ["while True:\n    pass", "import time\ntime.sleep(60)"])
def test_time_is_limited(source: str) -> None:
    """Busy or asleep, a program is stopped when its time is over."""
    short = Sandbox(Limits(seconds=1.0))
    started = time.monotonic()

    assert short.run(source) is Verdict.TIMEOUT
    assert time.monotonic() - started < 20  # it would run for a minute or for ever


def test_there_is_no_network(sandbox: Sandbox) -> None:
    """A listening port of this very machine cannot be reached, by whatever call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for call in ("socket.create_connection", "socket.socket().connect"):
            source = f"import socket\n{call}(('127.0.0.1', {port}))"
            assert sandbox.run(source) is Verdict.FAILED
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_the_network_namespace_is_empty(sandbox: Sandbox) -> None:
    """Where namespaces are allowed, not even the audit hook is needed to be off the network."""
    if sandbox.isolation != "namespaces":
        pytest.skip("namespaces are not allowed on this machine")
    # Only the loopback device, and it is down: every packet to the machine is refused.
    source = (
        "print(open('/proc/net/dev').read())\nassert open('/proc/net/dev').read().count(':') == 1"
    )

    assert sandbox.run(source) is Verdict.PASSED


def test_no_process_survives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After a run, passed or not, no process of the sandbox is left."""
    child = tmp_path / "child.py"  # a path that no other process on this machine has
    child.write_bytes(Path(sandbox_module.__file__).with_name("sandbox_child.py").read_bytes())
    monkeypatch.setattr(sandbox_module, "_CHILD", child)
    sandbox = Sandbox(Limits(seconds=1.0))
    for source in ("pass", "1 / 0", "while True:\n    pass"):
        sandbox.run(source)
    for _ in range(100):  # the system may take a moment to clear a killed process away
        left = [pid for pid in Path("/proc").glob("[0-9]*") if os.fsencode(child) in cmdline(pid)]
        if not left:
            break
        time.sleep(0.1)

    assert left == []


def cmdline(process: Path) -> bytes:
    """Return a process's command line, nothing where it has ended."""
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_without_namespaces_the_hook_holds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A system that refuses them still runs programs, and still refuses sockets."""
    child = tmp_path / "sandbox_child.py"
    source = Path(sandbox_module.__file__).with_name("sandbox_child.py").read_text(encoding="utf-8")
    child.write_text(
        source.replace("isolated = enter_namespaces()", "isolated = False"), encoding="utf-8"
    )
    monkeypatch.setattr(sandbox_module, "_CHILD", child)
    sandbox = Sandbox()

    assert sandbox.isolation == "audit hook"
    assert sandbox.run("import socket\nsocket.socket()") is Verdict.FAILED
    assert sandbox.run("x = 1") is Verdict.PASSED


def test_a_machine_that_cannot_run_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise every program would count as failed."""
    monkeypatch.setattr(sandbox_module, "_CHILD", Path("/nowhere/child.py"))
    with pytest.raises(SandboxError, match=sys.executable):
        Sandbox()
