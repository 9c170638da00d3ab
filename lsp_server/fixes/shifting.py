"""Which complaints about an edited text are new: matched by code and text after shifting lines."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lsp_server.fixes.candidate import Change
from lsp_server.fixes.diagnostic import Diagnostic

_LINE_IN_TEXT: Final = re.compile(r"\b([Ll]ine )\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """A change, and which lines of the edited text stand in its place."""

    start: int
    end: int  # its last line before the edit
    new_start: int
    new_end: int


class LineShift:
    """Where the lines of a text stand after an edit.

    Args:
        changes: of the edit, from the top down.
    """

    def __init__(self, changes: Sequence[Change]) -> None:
        self._moved: list[_Moved] = []
        delta = 0
        for change in changes:
            added = change.text.count("\n")
            removed = change.end.line - change.start.line
            new_start = change.start.line + delta
            self._moved.append(
                _Moved(
                    start=change.start.line,
                    end=change.end.line,
                    new_start=new_start,
                    new_end=new_start + added,
                )
            )
            delta += added - removed

    def lines_of(self, line: int) -> range:
        """Return the lines of the edited text that an old line may have become."""
        delta = 0
        touched: list[_Moved] = []
        for moved in self._moved:
            if moved.end < line:
                delta = moved.new_end - moved.end
            elif moved.start <= line:
                touched.append(moved)
        if not touched:
            return range(line + delta, line + delta + 1)
        return range(touched[0].new_start, touched[-1].new_end + 1)

    def is_changed(self, new_line: int) -> bool:
        """Tell whether a line of the edited text holds a change."""
        return any(moved.new_start <= new_line <= moved.new_end for moved in self._moved)


def new_complaints(
    before: Iterable[Diagnostic], after: Iterable[Diagnostic], shift: LineShift
) -> list[Diagnostic]:
    """Return what is said of the edited text and was not said before.

    Each complaint of before accounts for one of after, of the same code and text (but for numbers
    of lines in it) on the line that its own has become.
    """
    waiting: dict[tuple[str, str], list[range]] = defaultdict(list)
    for diagnostic in before:
        waiting[_identity(diagnostic)].append(shift.lines_of(diagnostic.start.line))
    for places in waiting.values():
        places.sort(key=len)  # a line that was not touched has one place only
    new = []
    for diagnostic in after:
        places = waiting[_identity(diagnostic)]
        place = next((place for place in places if diagnostic.start.line in place), None)
        if place is None:
            new.append(diagnostic)
        else:
            places.remove(place)
    return new


def _identity(diagnostic: Diagnostic) -> tuple[str, str]:
    return diagnostic.code, _LINE_IN_TEXT.sub(r"\1N", diagnostic.message)
