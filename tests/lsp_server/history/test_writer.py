"""The thread that writes: in batches, and whatever the disk does, quietly."""

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lsp_server.history.file import NAME, HistoryFile
from lsp_server.history.records import Verdict, new_id
from lsp_server.history.statistics import Statistics, read_statistics
from lsp_server.history.writer import Writer
from tests.lsp_server.history.samples import judged, shown

WITHIN_S = 30.0


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that writers find."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "mixline"


@pytest.fixture
def writers() -> Iterator[Callable[..., Writer]]:
    """Make writers that end with the test."""
    made: list[Writer] = []

    def make(*, enabled: Callable[[], bool] = lambda: True, batch_s: float = 0.01) -> Writer:
        made.append(Writer(enabled, batch_s))
        return made[-1]

    yield make
    for writer in made:
        writer.close()


def read(writer: Writer) -> Statistics:
    return writer.ask(read_statistics).result(WITHIN_S)


def test_what_was_put_is_read(writers: Callable[..., Writer]) -> None:
    """A question is answered when all that waits is written, without waiting for the batch."""
    writer = writers(batch_s=1000.0)
    suggestion = shown()
    writer.put(suggestion)
    writer.put(judged(suggestion))

    assert read(writer).total.accepted == {"whole": 1, "line": 0, "word": 0}


def test_closing_writes_what_is_left(writers: Callable[..., Writer]) -> None:
    """Another process finds it."""
    writer = writers(batch_s=1000.0)
    writer.put(shown())
    writer.close()

    assert read(writers()).total.shown == 1


def test_nothing_is_written_for_who_wants_no_history(
    writers: Callable[..., Writer], state: Path
) -> None:
    """Also not what was gathered before that was known."""
    wanted = [True]
    writer = writers(enabled=lambda: wanted[0], batch_s=1000.0)
    writer.put(shown())
    wanted[0] = False
    writer.close()

    assert not state.exists()


def test_a_deletion_takes_along_what_waits(writers: Callable[..., Writer], state: Path) -> None:
    """Afterwards the count is 0, though a server runs; what comes later is kept."""
    writer = writers(batch_s=1000.0)
    writer.put(shown())
    read(writer)
    writer.put(shown())
    HistoryFile(state).delete()
    after = read(writer)
    writer.put(shown())

    assert (after.total.shown, after.since) == (0, None)
    assert read(writer).total.shown == 1


def test_verdicts_are_learned_from_as_they_come(writers: Callable[..., Writer]) -> None:
    """After some, and by the next server at its start."""
    writer = writers()
    suggestions = [shown(place=str(number)) for number in range(260)]
    for suggestion in suggestions:
        writer.put(suggestion)
        writer.put(judged(suggestion))
    read(writer)
    wait_until(lambda: _events(writer) == 260)
    later = writers()
    later.start()
    wait_until(lambda: later.learned is not None)

    assert later.learned == writer.learned
    assert later.learned is not None
    assert later.learned.calibrations.of("python").threshold(0.5) < 0.5


def _events(writer: Writer) -> int:
    return 0 if writer.learned is None else writer.learned.calibrations.overall.events


@pytest.mark.parametrize("home", ["{state}", "/proc/self"])
def test_a_disk_that_refuses_is_told_once_and_nothing_stops(
    writers: Callable[..., Writer],
    state: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    home: str,
) -> None:
    """One clear line, however many batches fail: a file in the way, a disk without folders."""
    state.write_text("x")
    monkeypatch.setenv("XDG_STATE_HOME", home.format(state=state))
    writer = writers()
    for _ in range(3):
        writer.put(shown())
        writer.ask(lambda _: None).result(WITHIN_S)

    (line,) = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert line.startswith("no history is kept: expected to write")


def test_a_full_disk_is_told_once(state: Path) -> None:
    """As with no room for more than two pages."""
    program = """
import logging, resource, signal
from lsp_server.history.writer import Writer
from tests.lsp_server.history.samples import shown
logging.basicConfig(format="%(message)s")
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
writer = Writer(lambda: True, 0.01)
for _ in range(3):
    writer.put(shown())
    writer.ask(lambda _: None).result()
writer.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[3],
    )

    assert done.returncode == 0
    assert done.stderr.startswith(f"no history is kept: expected to use {state}")
    assert done.stderr.count("\n") == 1


def test_it_goes_on_where_the_disk_takes_again(
    writers: Callable[..., Writer], state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And a later failure is told again."""
    state.write_text("x")
    writer = writers()
    writer.put(shown())
    writer.ask(lambda _: None).result(WITHIN_S)
    state.unlink()
    writer.put(shown())
    assert read(writer).total.shown == 1
    (state / NAME).write_bytes(b"no database at all" * 100)
    writer.put(shown())
    writer.ask(lambda _: None).result(WITHIN_S)

    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 2


def test_without_a_home_there_is_no_history(
    writers: Callable[..., Writer],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One line says what to set."""

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    writer = writers()
    writer.put(shown())
    writer.put(judged(shown(), Verdict.REJECTED))
    writer.close()

    assert "set HOME or XDG_STATE_HOME" in caplog.text
    assert len(caplog.records) == 1


def test_a_clock_that_jumps_does_no_harm(writers: Callable[..., Writer]) -> None:
    """Rows from 1970, from before it and from the far future are counted like others."""
    writer = writers()
    for now_s in (0.0, -5e9, 4e9, 9e18):
        writer.put(shown(id=new_id(now_s)))

    assert read(writer).total.shown == 4


def test_a_file_of_the_future_is_told(writers: Callable[..., Writer]) -> None:
    """What is written from now on has to be later: it is the last word on its place."""
    future = shown(id=new_id(7e9))
    writer = writers()
    writer.put(future)
    writer.close()
    other = writers()
    other.start()
    wait_until(lambda: other.learned is not None)

    assert other.learned is not None
    assert other.learned.latest == future.id
