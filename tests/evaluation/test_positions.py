"""Where cursors are drawn: reproducible, even, and with nothing of the hidden text around them."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.positions import Place, Position, draw_positions
from evaluation.repositories import Repository, read_repositories

BODY = "".join(
    f"def name_{number}(value):\n    return value + {number}\n\n\n" for number in range(40)
)


@pytest.fixture
def repositories(make_repositories: Callable[[dict[str, str]], Path]) -> list[Repository]:
    """Two repositories of which one has more files."""
    files = {f"large/package/module_{number}.py": BODY for number in range(3)}
    return read_repositories(
        make_repositories({**files, "large/package/short.py": "x = 1\n", "small/only.py": BODY})
    )


def place_of(position: Position) -> tuple[str, str, int, int, Place]:
    """Return what identifies a place."""
    return (
        position.repository.name,
        position.file.path,
        position.line,
        position.column,
        position.place,
    )


def test_the_seed_decides(repositories: list[Repository]) -> None:
    """Same seed, same places; a smaller number gives the first of them; another seed others."""
    drawn = [place_of(one) for one in draw_positions(repositories, 60, 1)]

    assert drawn == [place_of(one) for one in draw_positions(repositories, 60, 1)]
    assert drawn[:20] == [place_of(one) for one in draw_positions(repositories, 20, 1)]
    assert drawn != [place_of(one) for one in draw_positions(repositories, 60, 2)]
    assert len({(name, path, line) for name, path, line, _, _ in drawn}) == 60


def test_repositories_and_kinds_have_equal_shares(repositories: list[Repository]) -> None:
    """However many files they have."""
    drawn = draw_positions(repositories, 80, 1)

    assert Counter(one.repository.name for one in drawn) == {"large": 40, "small": 40}
    assert Counter(one.place for one in drawn) == dict.fromkeys(Place, 40)


def test_before_hidden_and_after_are_the_document(repositories: list[Repository]) -> None:
    """At a line's start only blanks stand before the cursor, mid-line something on both sides."""
    for one in draw_positions(repositories, 80, 1):
        line = one.before.rpartition("\n")[2]

        assert one.before + one.expected + one.after == one.file.text
        assert one.expected
        assert bool(line.strip()) == (one.place is Place.MID_LINE)
        assert one.target == (line + one.expected).strip()


def test_repeated_lines_are_known(repositories: list[Repository]) -> None:
    """Other indentation is the same line; the line itself is no repetition."""
    (file,) = (file for file in repositories[1].files if file.path == "only.py")

    def at(number: int) -> Position:
        return Position(
            repository=repositories[1], file=file, place=Place.LINE_START, line=number, column=0
        )

    assert not at(0).repeats
    assert at(2).repeats  # blank, as are others


def test_other_files_are_all_but_the_document(
    make_repositories: Callable[[dict[str, str]], Path],
) -> None:
    """However large they are."""
    (repository,) = read_repositories(
        make_repositories({"r/a.py": "a", "r/deep/b.py": BODY, "r/z.py": "z" * 900_000})
    )
    file = next(file for file in repository.files if file.path == "deep/b.py")
    position = Position(repository=repository, file=file, place=Place.LINE_START, line=0, column=0)

    assert [other.path for other in position.others()] == ["a.py", "z.py"]


def test_small_repositories_give_what_they_have(
    make_repositories: Callable[[dict[str, str]], Path],
) -> None:
    """Drawing ends when there are no more lines, and without any long file at once."""
    lines = "".join(f"value_{number} = {number}\n" for number in range(12))
    folder = make_repositories({"a/a.py": lines, "b/b.py": "x = 1234\n"})

    assert 10 <= len(draw_positions(read_repositories(folder), 1000, 0)) <= 12
