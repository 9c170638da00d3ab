"""Cursors in held-out files, drawn with a fixed seed; what is asked for is the rest of the line."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from evaluation.repositories import Repository, SourceFile

_MIN_LINES: Final = 10  # of a file: shorter ones say little about completing
_MIN_VISIBLE: Final = 4  # of a line, blanks around it aside: `)` is no line to foretell
_ATTEMPTS: Final = 200  # without a new place before a repository is given up


class Place(StrEnum):
    """Where the cursor stands in its line."""

    LINE_START = "line_start"  # before the first character that is no blank
    MID_LINE = "mid_line"  # behind that one at the earliest, before the last one at the latest


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One cursor in one file of one repository."""

    repository: Repository
    file: SourceFile
    place: Place
    line: int  # from 0
    column: int

    @property
    def expected(self) -> str:
        """The rest of the line, without the blanks at its end."""
        return self.file.lines[self.line][self.column :].rstrip()

    @property
    def before(self) -> str:
        """The document up to the cursor."""
        return "\n".join([*self.file.lines[: self.line], self._line[: self.column]])

    @property
    def after(self) -> str:
        """The document behind the hidden rest of the line, from its line end on."""
        return "".join("\n" + line for line in self.file.lines[self.line + 1 :])

    @property
    def target(self) -> str:
        """The whole line without the blanks around it."""
        return self._line.strip()

    @property
    def repeats(self) -> bool:
        """Whether another line of the same file is the same but for blanks around it."""
        return sum(line.strip() == self.target for line in self.file.lines) > 1

    @property
    def _line(self) -> str:
        return self.file.lines[self.line]

    def others(self) -> list[SourceFile]:
        """Return the other files of the repository."""
        return [other for other in self.repository.files if other is not self.file]


def draw_positions(repositories: list[Repository], count: int, seed: int) -> list[Position]:
    """Draw places, equally many of each repository, half of each kind in turn.

    A file is drawn first, then a line of it, both evenly. A smaller `count` gives the first of the
    same places. There are fewer than `count` only where the repositories are too small.
    """
    sources = [_places(repository, seed) for repository in repositories]
    positions: list[Position] = []
    while sources and len(positions) < count:
        for source in list(sources):
            position = next(source, None)
            if position is None:
                sources.remove(source)
            elif len(positions) < count:
                positions.append(position)
    return positions


def _places(repository: Repository, seed: int) -> Iterator[Position]:
    files = [file for file in repository.files if len(file.lines) >= _MIN_LINES]
    # The text of a seed is hashed the same way everywhere.
    rng = random.Random(f"{seed}/{repository.name}")  # noqa: S311 - reproducible, nothing secret
    seen: set[tuple[str, int]] = set()  # a line is asked for once
    wanted = Place.LINE_START
    failed = 0
    while files and failed < _ATTEMPTS:
        file = rng.choice(files)
        number = rng.randrange(len(file.lines))
        line = file.lines[number]
        first, end = len(line) - len(line.lstrip()), len(line.rstrip())
        if end - first < _MIN_VISIBLE or (file.path, number) in seen:
            failed += 1
            continue
        failed = 0
        seen.add((file.path, number))
        column = first if wanted is Place.LINE_START else rng.randrange(first + 1, end)
        yield Position(repository=repository, file=file, place=wanted, line=number, column=column)
        wanted = Place.MID_LINE if wanted is Place.LINE_START else Place.LINE_START
