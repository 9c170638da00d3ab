"""What happens to a server in the middle of its work: killed, no disk, no process, no memory."""

import resource
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Final

import pytest

from lsp_server.history.file import HistoryFile
from tests.lsp_server.conftest import TIMEOUT_S
from tests.lsp_server.test_faults_wire import TEXT, URI, WITHOUT, Start, start, stderr, works

__all__ = ["start"]

# The program that Python's every other process is started by, as it fails where there is no room.
NO_FORK: Final = """
import _posixsubprocess, errno, os, runpy, sys
def fork_exec(*_):
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
_posixsubprocess.fork_exec = fork_exec
sys.argv[0] = "mixline"
runpy.run_module("mixline", run_name="__main__", alter_sys=True)
"""


def may_mount() -> bool:
    """Tell whether this machine lets a program mount a disk of its own."""
    words = ["unshare", "--map-root-user", "--mount", "true"]
    return shutil.which("unshare") is not None and not subprocess.run(words, check=False).returncode


def shown(client: Any) -> int:
    """Return how many suggestions the history holds."""
    count: int = client.result("mixline/stats", {})["total"]["shown"]
    return count


def suggest(client: Any, number: int) -> None:
    """Have something shown, in a document of its own, and turn it down."""
    uri = f"file:///project/{number}.py"
    client.open(uri, TEXT)
    assert client.inline(uri, 4, 8, invoked=True)
    client.change(uri, 4, 8, 8, "?")
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


def test_a_server_killed_while_it_generates(
    start: Start, servers: Any, slow_model: Path, tmp_path: Path
) -> None:
    """What the history was told is there for the next server; nothing is damaged or left over."""
    first = start()
    suggest(first, 1)
    assert shown(first) == 1
    first.shut_down()
    assert servers.processes[0].process.wait(60) == 0
    second = start(model=slow_model)
    second.open(URI, TEXT)
    second.ask_inline(URI, 4, 8, invoked=True)
    second.wait_engine(lambda engine: engine["generated_tokens"] > 0)
    servers.processes[1].process.kill()
    servers.processes[1].process.wait(60)
    third = start()
    works(third)

    assert shown(third) >= 1
    with HistoryFile(tmp_path / "state" / "mixline").open() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    left = {path.name for path in (tmp_path / "state" / "mixline").iterdir()}
    assert left <= {"history.sqlite", "history.sqlite-wal", "history.sqlite-shm", "history.salt"}


def test_a_disk_that_fills_while_the_history_is_written(
    start: Start, servers: Any, tmp_path: Path
) -> None:
    """Nothing that was written before is lost, completions go on, and so does it with room."""
    if not may_mount():
        pytest.skip("this machine does not let a program mount a disk of its own")
    state = tmp_path / "state"
    state.mkdir()
    # Something else fills the disk once a first suggestion is written, and leaves it later.
    inner = (
        'mount -t tmpfs -o size=1m none "$0"; '
        f"(while [ ! -e {tmp_path}/fill ] && kill -0 $$; do sleep 0.05; done; "
        f'cat /dev/zero > "$0"/full 2> /dev/null; touch {tmp_path}/filled; '
        f"while [ ! -e {tmp_path}/empty ] && kill -0 $$; do sleep 0.05; done; "
        f'rm "$0"/full; touch {tmp_path}/emptied) < /dev/null > /dev/null & exec env "$@"'
    )
    client = start(limits=f"exec unshare --map-root-user --mount sh -c '{inner}' '{state}' \"$@\"")

    def when(asked: str, done: str) -> None:
        (tmp_path / asked).touch()
        end = time.monotonic() + TIMEOUT_S
        while not (tmp_path / done).exists():
            assert time.monotonic() < end
            time.sleep(0.02)

    suggest(client, 1)
    assert shown(client) == 1
    when("fill", "filled")
    for number in range(2, 12):
        suggest(client, number)
    told = client.answer(client.request("mixline/stats", {}))
    assert "result" in told or "expected to use" in told["error"]["message"]
    when("empty", "emptied")
    before = shown(client)
    suggest(client, 20)

    assert before >= 1
    assert shown(client) == before + 1
    assert stderr(servers).count("no history is kept") <= 2


def test_a_home_that_may_only_be_read(start: Start, servers: Any, tmp_path: Path) -> None:
    """A disk mounted so, which root cannot write to either: told once, completions go on."""
    if not may_mount():
        pytest.skip("this machine does not let a program mount a disk of its own")
    home = tmp_path / "home"
    home.mkdir()
    inner = 'mount -t tmpfs -o ro none "$0" && exec env "$@"'
    words = f"exec unshare --map-root-user --mount sh -c '{inner}' '{home}' \"$@\""
    kept = [f"-u{name}" for name in WITHOUT]
    client = start(limits=words, env=[*kept, f"HOME={home}"])
    works(client)
    assert shown(client) == 0

    assert stderr(servers).count("no history is kept") == 1


def test_no_process_more(start: Start, servers: Any, tmp_path: Path) -> None:
    """As where a user's limit is reached: told once, the menu is answered, ghost text goes on."""
    program = tmp_path / "no_fork.py"
    program.write_text(NO_FORK)
    # In place of `python -P -m mixline`.
    client = start(env=["sh", "-c", f'shift 3; exec "$0" -P {program} "$@"'])
    client.open(URI, "import os\n\n\ndef double(number):\n    return numbr * 2\n")
    span = {"start": {"line": 4, "character": 11}, "end": {"line": 4, "character": 16}}
    wrong = {"range": span, "message": "Undefined name `numbr`", "code": "F821", "severity": 1}
    context = {"diagnostics": [wrong | {"source": "Ruff"}]}
    params = {"textDocument": {"uri": URI}, "range": span, "context": context}
    for action in client.result("textDocument/codeAction", params):
        assert "result" in client.answer(client.request("codeAction/resolve", action))
    client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    works(client)

    assert "ruff: it could not be started (BlockingIOError)" in stderr(servers)


def test_memory_that_just_suffices(start: Start, servers: Any) -> None:
    """Documents of 90 kB in a process that may take 350 MB more than one at rest."""
    works(start())
    pid = servers.processes[0].process.pid
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    client = start(limits=f"ulimit -v {pages * resource.getpagesize() // 1024 + 350_000}")
    for number in range(6):
        uri = f"file:///project/{number}.py"
        client.open(uri, f"value_{number} = {number}\n" * 6000)
        client.inline(uri, 6000, 0, invoked=True)
    client.generations_at_rest()
    works(client)
    client.shut_down()

    assert servers.processes[1].process.wait(60) == 0
    assert "Traceback" not in servers.processes[1].stderr()
