"""What an edit has really changed, however the editor put it: the least piece that differs.

Editors replace a word by itself and more, a line, or the whole document, where a user has typed one
character. Two versions side by side tell what is new.
"""

from dataclasses import dataclass

from inference import common_prefix
from lsp_server.document import Document, Edit, Point, normalise_line_ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    r"""`removed` became `inserted`; "\n" line ends."""

    start: Point
    old_end: Point
    new_end: Point
    removed: str
    inserted: str

    def moved(self, point: Point) -> Point:
        """Return where a point of the old version stands, one inside the change at its end."""
        if point < self.start:
            return point
        if point < self.old_end:
            return self.new_end
        lines = self.new_end.line - self.old_end.line
        if point.line > self.old_end.line:
            return Point(point.line + lines, point.column)
        column = point.column - self.old_end.column + self.new_end.column
        return Point(point.line + lines, column)


def change_between(
    old: Document, new: Document, edit: Edit, pin: Point | None = None
) -> Change | None:
    """Return what differs between two versions one edit apart; None if nothing does.

    Args:
        old: the version before.
        new: the version after.
        edit: what was told between the two.
        pin: of several ways to say the same, the one is taken that begins here: text inserted
            between "(" and ")" may be said to stand before or behind an equal bracket.
    """
    first = edit.start_line
    old_last, new_last = edit.end_line, edit.end_line + edit.line_delta
    last_skipped = min(old_last, new_last) if pin is None else min(old_last, new_last, pin.line)
    while first < last_skipped and old.lines[first] == new.lines[first]:
        first += 1
    while min(old_last, new_last) > first and old.lines[old_last] == new.lines[new_last]:
        old_last, new_last = old_last - 1, new_last - 1
    before = normalise_line_ends("".join(old.lines[first : old_last + 1]))
    after = normalise_line_ends("".join(new.lines[first : new_last + 1]))
    if before == after:
        return None
    head = common_prefix(before, after)
    if pin is not None and pin.line >= first:
        head = min(head, _offset(before, pin.line - first, pin.column))
    tail = common_prefix(before[head:][::-1], after[head:][::-1])
    removed = before[head : len(before) - tail]
    inserted = after[head : len(after) - tail]
    start = point_behind(Point(first, 0), before[:head])
    return Change(
        start=start,
        old_end=point_behind(start, removed),
        new_end=point_behind(start, inserted),
        removed=removed,
        inserted=inserted,
    )


def point_behind(start: Point, text: str) -> Point:
    """Return where a text ends that begins at `start`."""
    lines = text.count("\n")
    if not lines:
        return Point(start.line, start.column + len(text))
    return Point(start.line + lines, len(text) - text.rindex("\n") - 1)


def _offset(text: str, line: int, column: int) -> int:
    at = 0
    for _ in range(line):
        at = text.find("\n", at) + 1
        if not at:
            return len(text)
    return at + column
