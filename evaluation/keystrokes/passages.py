"""Which passages of which files are typed: a few dozen lines each, the files drawn by a seed."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import cycle
from pathlib import PurePosixPath
from typing import Final

from evaluation.errors import DataError
from evaluation.keystrokes.typist import Passage
from evaluation.repositories import Repository, SourceFile

_LINES: Final = (10, 25)  # of a passage
_NEIGHBOURS: Final = 3
_MAX_CHARACTERS: Final = 200_000
_MANY_LINES: Final = 5_000
_MEGABYTE: Final = 1_000_000  # characters


class Size(StrEnum):
    """Which file a passage is typed into."""

    ORDINARY = "ordinary files"
    MANY_LINES = "files of 5,000 lines"
    MEGABYTE = "files of 1 MB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A passage, and the other files that are open while it is typed."""

    passage: Passage
    neighbours: dict[str, str]
    size: Size = Size.ORDINARY


def choose_tasks(
    repositories: Sequence[Repository], count: int, seed: int, large: int = 0
) -> list[Task]:
    """Return tasks from the repositories in turn; every second one at the end of its file.

    Args:
        repositories: at least one with a file of enough lines.
        count: how many.
        seed: of the choice.
        large: how many more for either kind of large file: passages between the texts of other
            files, as many as make it 5,000 lines or a million characters.

    Raises:
        DataError: no file has enough lines.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable, no secret
    fitting = {
        repository.name: files
        for repository in repositories
        if (files := [file for file in repository.files if _fits(file)])
    }
    if not fitting:
        raise DataError(
            f"expected Python files of {_LINES[1] + 1} lines and more, found none in"
            f" {', '.join(repository.name for repository in repositories)}"
        )
    names = sorted(fitting)
    tasks = []
    sizes = [Size.ORDINARY] * count + [Size.MANY_LINES] * large + [Size.MEGABYTE] * large
    for number, size in enumerate(sizes):
        files = fitting[names[number % len(names)]]
        file = chance.choice(files)
        passage = _passage(file, chance, at_end=number % 2 == 1)
        if size is not Size.ORDINARY:
            others = [other.text for name in names for other in fitting[name] if other != file]
            passage = _enlarged(passage, others, size)
        tasks.append(Task(passage=passage, neighbours=_neighbours(file, files), size=size))
    return tasks


def _fits(file: SourceFile) -> bool:
    return (
        len(file.lines) > _LINES[1] and len(file.text) <= _MAX_CHARACTERS and "\t" not in file.text
    )


def _passage(file: SourceFile, chance: random.Random, *, at_end: bool) -> Passage:
    lines = file.lines
    count = chance.randint(*_LINES)
    first = chance.randrange(len(lines) - count)
    head = "".join(line + "\n" for line in lines[:first])
    typed = "\n".join(lines[first : first + count]).rstrip()
    rest = file.text[len(head) + len(typed) :]
    return Passage(
        repository=file.repository,
        path=file.path,
        head=head,
        body=typed + rest if at_end else typed,
        tail="" if at_end else rest,
        length=len(typed),
    )


def _enlarged(passage: Passage, others: Sequence[str], size: Size) -> Passage:
    """Put the texts of other files above and below, half each; where they end they repeat."""
    text = passage.head + passage.body + passage.tail
    if size is Size.MANY_LINES:
        missing = _MANY_LINES - text.count("\n")
        measure: Callable[[str], int] = _num_lines
    else:
        missing = _MEGABYTE - len(text)
        measure = len
    above: list[str] = []
    below: list[str] = []
    for number, other in enumerate(cycle(others)):
        if missing <= 0:
            break
        (below if number % 2 else above).append(other)
        missing -= measure(other)
    return replace(
        passage, head="".join(above) + passage.head, tail=passage.tail + "\n" + "".join(below)
    )


def _num_lines(text: str) -> int:
    return text.count("\n")


def _neighbours(file: SourceFile, files: Sequence[SourceFile]) -> dict[str, str]:
    """Return the files that stand nearest: those of the same folder first."""
    parts = PurePosixPath(file.path).parts

    def distance(other: SourceFile) -> tuple[int, str]:
        others = PurePosixPath(other.path).parts
        shared = sum(a == b for a, b in zip(parts, others, strict=False))
        return -shared, other.path

    near = sorted((other for other in files if other is not file), key=distance)
    return {other.path: other.text for other in near[:_NEIGHBOURS]}
