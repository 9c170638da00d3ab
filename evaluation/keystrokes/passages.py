"""Which passages of which files are typed: a few dozen lines each, the files drawn by a seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from evaluation.errors import DataError
from evaluation.keystrokes.typist import Passage
from evaluation.repositories import Repository, SourceFile

_LINES: Final = (10, 25)  # of a passage
_NEIGHBOURS: Final = 3
_MAX_CHARACTERS: Final = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A passage, and the other files that are open while it is typed."""

    passage: Passage
    neighbours: dict[str, str]


def choose_tasks(repositories: Sequence[Repository], count: int, seed: int) -> list[Task]:
    """Return tasks from the repositories in turn; every second one at the end of its file.

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
    for number in range(count):
        files = fitting[names[number % len(names)]]
        file = chance.choice(files)
        passage = _passage(file, chance, at_end=number % 2 == 1)
        tasks.append(Task(passage=passage, neighbours=_neighbours(file, files)))
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


def _neighbours(file: SourceFile, files: Sequence[SourceFile]) -> dict[str, str]:
    """Return the files that stand nearest: those of the same folder first."""
    parts = PurePosixPath(file.path).parts

    def distance(other: SourceFile) -> tuple[int, str]:
        others = PurePosixPath(other.path).parts
        shared = sum(a == b for a, b in zip(parts, others, strict=False))
        return -shared, other.path

    near = sorted((other for other in files if other is not file), key=distance)
    return {other.path: other.text for other in near[:_NEIGHBOURS]}
