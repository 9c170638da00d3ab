"""The whole benchmark over the wire: real server, real model, one short passage."""

from dataclasses import asdict
from pathlib import Path

import pytest

from evaluation.errors import DataError
from evaluation.keystrokes import passages
from evaluation.keystrokes.bench import bench_keystrokes, plot, table
from evaluation.keystrokes.replay import position_behind
from evaluation.repositories import read_repositories
from inference import default_model


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a folder of one repository whose code repeats itself."""
    block = (
        "def read_{0}(path):\n    with open(path) as stream:\n        return stream.read()\n\n\n"
    )
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("a", "b"):
        text = "".join(block.format(f"{name}_{number}") for number in range(8))
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_passage_is_typed_into_the_server(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that the file holds already is suggested, accepted, and saves keys."""
    monkeypatch.setattr(passages, "_LINES", (6, 7))
    report = bench_keystrokes(repository, default_model(), passages=1, seed=1)

    assert report.accepted > 0
    assert report.keys < report.keys_without
    assert report.saved_share > 0
    assert 0 < report.right_rate <= 1
    assert report.cpu_seconds_per_1000_keys > 0
    assert report.generated_tokens >= report.wasted_tokens
    assert sum(row.n for row in report.latency) >= report.suggestions
    assert "| cold |" in table(report)
    assert plot(report).startswith("<svg")
    assert set(asdict(report)) >= {"net_saved_share", "cached_share_median", "peak_memory_mb"}


def test_folders_without_long_files_are_refused(tmp_path: Path) -> None:
    """The error says what was expected."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.py").write_text("x = 1\n", encoding="utf-8")

    with pytest.raises(DataError, match="expected Python files of 26 lines"):
        passages.choose_tasks(read_repositories(tmp_path), 1, 0)


def test_tasks_are_a_function_of_the_seed() -> None:
    """The same seed gives the same passages, another one others; every second is at an end."""
    own = read_repositories(None)
    tasks = passages.choose_tasks(own, 4, 1)

    assert tasks == passages.choose_tasks(own, 4, 1)
    assert tasks != passages.choose_tasks(own, 4, 2)
    assert [bool(task.passage.tail) for task in tasks] == [True, False, True, False]


def test_positions_count_utf16_units() -> None:
    """As the protocol does."""
    position = position_behind("a\n\N{GRINNING FACE}b")

    assert (position.line, position.character) == (1, 3)
