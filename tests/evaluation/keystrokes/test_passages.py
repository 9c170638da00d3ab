"""Which passages are typed, and into files of which size."""

from pathlib import Path

import pytest

from evaluation.errors import DataError
from evaluation.keystrokes.passages import Size, choose_tasks
from evaluation.repositories import read_repositories


def test_folders_without_long_files_are_refused(tmp_path: Path) -> None:
    """The error says what was expected."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.py").write_text("x = 1\n", encoding="utf-8")

    with pytest.raises(DataError, match="expected Python files of 26 lines"):
        choose_tasks(read_repositories(tmp_path), 1, 0)


def test_tasks_are_a_function_of_the_seed() -> None:
    """The same seed gives the same passages, another one others; every second is at an end."""
    own = read_repositories(None)
    tasks = choose_tasks(own, 4, 1)

    assert tasks == choose_tasks(own, 4, 1)
    assert tasks != choose_tasks(own, 4, 2)
    assert [bool(task.passage.tail) for task in tasks] == [True, False, True, False]


def test_large_files_hold_the_same_kind_of_passage() -> None:
    """Of 5,000 lines and of a million characters at least, the cursor far from both ends."""
    ordinary, many_lines, megabyte = choose_tasks(read_repositories(None), 1, 1, large=1)
    assert [task.size for task in (ordinary, many_lines, megabyte)] == list(Size)
    for task in (many_lines, megabyte):
        passage = task.passage
        text = passage.head + passage.body + passage.tail
        enough = (
            text.count("\n") >= 5000 if task is many_lines else len(text.encode("utf-8")) >= 10**6
        )
        assert enough
        assert 0.2 < len(passage.head) / len(text) < 0.8
        assert passage.body[: passage.length].count("\n") < 25
        assert passage.body[: passage.length] not in passage.head
