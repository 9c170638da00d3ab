"""Programs: what they print, what ends them, what they get to see."""

import asyncio
import errno
import os
import time
from pathlib import Path

import pytest

from lsp_server.fixes.checkers.process import environment, run_program
from tests.lsp_server.fixes.conftest import MakeProgram

LIMIT_S = 30.0


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descriptors() -> list[Path]:
    return sorted(Path("/proc/self/fd").iterdir())


def wait_written(pid_file: Path) -> int:
    end = time.monotonic() + LIMIT_S
    while not (pid_file.exists() and pid_file.read_text()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return int(pid_file.read_text())


def wait_gone(pid: int) -> None:
    end = time.monotonic() + LIMIT_S
    while is_running(pid):
        assert time.monotonic() < end
        time.sleep(0.01)


async def test_output_and_status_come_back(make_program: MakeProgram) -> None:
    """The program reads all of its input, in a folder that is no workspace."""
    program = make_program(
        "echo", "print(os.getcwd(), len(sys.stdin.read()), sys.argv[1]); sys.exit(3)"
    )
    ended = await run_program(
        [str(program), "; rm -rf $HOME"], b"x" * 1_000_000, variables={}, limit_s=LIMIT_S
    )

    assert ended.problem == ""
    assert ended.status == 3
    assert ended.output == b"/ 1000000 ; rm -rf $HOME\n"


async def test_a_fork_that_fails_is_told(
    make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a user may have no more processes; nothing is left open."""
    program = make_program("never", "print('ran')")

    def refuse(*_: object) -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    before = descriptors()
    monkeypatch.setattr("subprocess._fork_exec", refuse)
    ended = await run_program([str(program)], b"", variables={}, limit_s=LIMIT_S)

    assert ended.problem == "it could not be started (BlockingIOError)"
    assert descriptors() == before


async def test_a_program_that_hangs_is_ended_with_all_that_it_started(
    make_program: MakeProgram, tmp_path: Path
) -> None:
    """Its group is: a child of its own too, though it ignores what can be ignored."""
    pid_file = tmp_path / "pid"
    program = make_program(
        "hang",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pid = os.fork()\nif pid: open({str(pid_file)!r}, 'w').write(str(pid))\n"
        "time.sleep(600)",
    )
    ended = await run_program([str(program)], b"", variables={}, limit_s=1.0)

    assert ended.problem == "it ran longer than 1 s"
    wait_gone(int(pid_file.read_text()))


async def test_a_program_that_floods_is_ended(make_program: MakeProgram) -> None:
    """What it prints is kept up to a limit only."""
    program = make_program("flood", "while True: os.write(1, b'x' * 65536)")
    ended = await run_program([str(program)], b"", variables={}, limit_s=LIMIT_S)

    assert ended.problem == "it printed more than 16 MiB"
    assert ended.output == b""


async def test_a_program_that_crashes_says_nothing(make_program: MakeProgram) -> None:
    """What it had printed before does not count."""
    program = make_program("crash", "print('[]', flush=True); os.kill(os.getpid(), 11)")
    ended = await run_program([str(program)], b"text", variables={}, limit_s=LIMIT_S)

    assert ended.problem == "it was ended by signal 11"


async def test_what_cannot_be_started_is_a_problem(tmp_path: Path) -> None:
    """No exception comes out."""
    ended = await run_program([str(tmp_path / "none")], b"", variables={}, limit_s=LIMIT_S)

    assert "could not be started" in ended.problem


async def test_cancelling_ends_the_program(make_program: MakeProgram, tmp_path: Path) -> None:
    """By the time the cancelled task is over the program is gone."""
    pid_file = tmp_path / "pid"
    program = make_program(
        "wait", f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    )
    task = asyncio.create_task(run_program([str(program)], b"", variables={}, limit_s=600.0))
    pid = await asyncio.to_thread(wait_written, pid_file)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not is_running(pid)


def test_the_environment_is_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that change what a checker does or tell secrets are not passed on."""
    monkeypatch.setenv("RUFF_OUTPUT_FILE", "report.json")
    monkeypatch.setenv("API_TOKEN", "secret")
    variables = environment([Path("/usr/bin"), Path("/bin")])

    assert variables["PATH"] == os.pathsep.join(["/usr/bin", "/bin"])
    assert not {"RUFF_OUTPUT_FILE", "API_TOKEN", "PYTHONPATH"} & variables.keys()
    assert variables["https_proxy"] == "http://127.0.0.1:9"
