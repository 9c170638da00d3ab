"""What the world does to a server: no disk, no home, no locale, no memory, no client, no model."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

URI = "file:///work/a.py"
TEXT = "def gr\u00f6\u00dfe(werte):\n    return max(werte)\n\n\nprint(gr"
WITHOUT: tuple[str, ...] = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
Start = Callable[..., Any]


@pytest.fixture
def start(servers: Any, shipped_model: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start a server in other circumstances, and return its client with the model loaded."""

    def begin(
        *, env: Sequence[str] = (), model: Path = shipped_model, limits: str = ":", **params: Any
    ) -> Any:
        # `env` after the fixture's own variables, and limits that a shell sets, replace both.
        words = ["/bin/sh", "-c", f'{limits}; exec env "$@"', "sh", *env, sys.executable]
        plain = subprocess.Popen

        def started(command: list[str], **options: Any) -> Any:
            return plain([*words, *command[1:]], **options)

        with monkeypatch.context() as patch:
            patch.setattr(subprocess, "Popen", started)
            client = servers.stdio(model)
        settings = {"history": True}
        client.initialize(initializationOptions={"settings": settings}, **params)
        client.wait_ready()
        return client

    return begin


def works(client: Any) -> None:
    """See that a document is completed, and that nothing is left of it."""
    client.open(URI, TEXT)
    assert client.inline(URI, 4, 8, invoked=True)
    client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert client.status()["state"] == "ready"


def stderr(servers: Any) -> str:
    """End the server politely and return what it has said."""
    servers.clients[0].shut_down()
    assert servers.processes[0].process.wait(60) == 0
    text: str = servers.processes[0].stderr()
    assert "Traceback" not in text
    return text


def test_a_disk_that_takes_nothing(start: Start, servers: Any, tmp_path: Path) -> None:
    """No file may grow at all, the log neither; completions go on."""
    works(start(limits="ulimit -f 0"))
    stderr(servers)

    assert not any(path.stat().st_size for path in (tmp_path / "state").rglob("*.sqlite"))


def test_a_disk_that_is_full(start: Start, servers: Any, tmp_path: Path) -> None:
    """A real one of 16 KiB, in which no history can be begun; completions go on."""
    alone = ["unshare", "--map-root-user", "--mount", "true"]
    if shutil.which("unshare") is None or subprocess.run(alone, check=False).returncode:
        pytest.skip("this machine does not let a program mount a disk of its own")
    state = tmp_path / "state"
    state.mkdir()
    inner = 'mount -t tmpfs -o size=16k none "$0" && exec env "$@"'
    works(start(limits=f"exec unshare --map-root-user --mount sh -c '{inner}' '{state}' \"$@\""))
    stderr(servers)

    assert [*state.iterdir()] == []  # what was under the disk; it went with the server


@pytest.mark.parametrize("home", ["/proc", "nowhere/at/all"])
def test_no_home_to_write_to(start: Start, servers: Any, tmp_path: Path, home: str) -> None:
    """Told in one line at most; nothing is written to wherever the server stands."""
    works(start(env=[*(f"-u{name}" for name in WITHOUT), f"HOME={home}"]))

    assert stderr(servers).count("no history is kept") <= 1
    assert not (tmp_path / "nowhere").exists()


def test_a_locale_without_umlauts(start: Start, servers: Any, tmp_path: Path) -> None:
    """LC_ALL=C with Python's own remedies switched off: names and texts are UTF-8 all the same."""
    work = tmp_path / "gr\u00f6\u00dfe"
    work.mkdir()
    (work / "\u00e4.py").write_text("# \u00fc\u00f6\u00e4\nvalue_of_umlaut = 1\n", "utf-8")
    client = start(
        env=["LC_ALL=C", "LANG=C", "PYTHONCOERCECLOCALE=0", "PYTHONUTF8=0"], rootUri=work.as_uri()
    )
    works(client)
    stderr(servers)


def test_a_checker_that_cannot_be_started(start: Start, servers: Any, tmp_path: Path) -> None:
    """What is called ruff is no program: the menu is answered, as if there were none."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("ruff", "pyflakes", "mypy", "pyright", "basedpyright", "eslint"):
        (programs / name).write_bytes(b"\x7fELF, but not really")
        (programs / name).chmod(0o755)
    client = start(env=[f"PATH={programs}"])
    client.open(URI, "import os\n\nprint(undefined_name)\n")
    span = {"start": {"line": 2, "character": 6}, "end": {"line": 2, "character": 20}}
    wrong = {"range": span, "message": "Undefined name `undefined_name`", "code": "F821"}
    params = {
        "textDocument": {"uri": URI},
        "range": span,
        "context": {"diagnostics": [wrong | {"source": "Ruff"}]},
    }

    assert isinstance(client.result("textDocument/codeAction", params), list)
    works(client)
    stderr(servers)


def test_a_client_that_vanishes_in_the_middle(start: Start, servers: Any) -> None:
    """Both pipes close while a suggestion is being written: the server ends, and says nothing."""
    client = start()
    client.open(URI, TEXT)
    client.ask_inline(URI, 4, 8, invoked=True)
    process = servers.processes[0].process
    client.send_bytes(b"")  # the writing thread ends
    os.dup2(os.open(os.devnull, os.O_WRONLY), process.stdin.fileno())

    assert process.wait(60) == 1
    assert "Traceback" not in servers.processes[0].stderr()


def test_a_model_that_is_replaced_while_it_is_mapped(
    start: Start, servers: Any, tmp_path: Path, shipped_model: Path
) -> None:
    """By other files under the same names, then by nothing: what is mapped stays."""
    model = shutil.copytree(shipped_model, tmp_path / "model")
    client = start(model=model)
    for name in ("weights.bin", "model.onnx", "tokenizer.json"):
        (tmp_path / "other").write_bytes(b"\0" * 100)
        (tmp_path / "other").replace(model / name)
    works(client)
    shutil.rmtree(model)
    works(client)
    stderr(servers)


@pytest.mark.parametrize("megabytes", [260, 600])
def test_memory_that_is_not_there(shipped_model: Path, tmp_path: Path, megabytes: int) -> None:
    """One clear line and exit status 1, or it works: from too little for the libraries on."""
    (tmp_path / "a.py").write_text(TEXT, "utf-8")
    most = megabytes << 20
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mixline", "complete", "a.py:5:9", "--json"],
        cwd=tmp_path,
        env=os.environ | {"MIXLINE_MODEL": str(shipped_model)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    if done.returncode:
        assert "memory" in done.stderr.lower()
        assert "Traceback" not in done.stderr
    assert megabytes < 600 or done.returncode == 0


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_locale_that_cannot_print_what_is_completed(
    shipped_model: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """What it lacks is written as an escape, where it used to end in a traceback."""
    (tmp_path / "\u00e4.py").write_text(TEXT, "utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mixline", "complete", "\u00e4.py:5:9", *words],
        cwd=tmp_path,
        env=os.environ
        | {"MIXLINE_MODEL": str(shipped_model), "LC_ALL": "C"}
        | {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert rb"\xf6" in done.stdout
