"""Accepted text, found again through later edits: how much of it is still there."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from lsp_server.document import Document, Point
from lsp_server.history.change import Change
from lsp_server.history.records import Kept, Moment
from lsp_server.history.suggestion import Taken

AFTER_S: Final = {Moment.HALF_MINUTE: 30.0, Moment.TWO_MINUTES: 120.0, Moment.TEN_MINUTES: 600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """Characters of one line that were accepted; never blanks at its ends, never a line end."""

    line: int
    start: int
    end: int
    text: str


class KeptText:
    """What one suggestion has left in a document."""

    def __init__(self, suggestion_id: int, accepted_s: float) -> None:
        self.id = suggestion_id
        self._accepted_s = accepted_s
        self._pieces: list[_Piece] = []
        self._out_of = 0
        self._due = list(AFTER_S)

    def add(self, taken: Taken) -> None:
        """Watch over what an accepting edit has just put in."""
        column = taken.start.column
        for number, line in enumerate(taken.text.split("\n")):
            body = line.strip()
            if body:
                start = column + line.index(body)
                piece = _Piece(
                    line=taken.start.line + number, start=start, end=start + len(body), text=body
                )
                self._pieces.append(piece)
                self._out_of += len(body)
            column = 0

    def follow(self, change: Change, new: Document) -> None:
        """Follow an edit; most are on one line, elsewhere."""
        first, last = change.start.line, change.old_end.line
        shifts = change.new_end.line != last
        if any(piece.line >= first and (shifts or piece.line <= last) for piece in self._pieces):
            self._pieces = [
                left for piece in self._pieces for left in _followed(piece, change, new)
            ]

    def look(self, now_s: float) -> Iterator[Kept]:
        """Say what is there at every moment that has come since the last look."""
        while self._due and now_s >= self._accepted_s + AFTER_S[self._due[0]]:
            yield self._kept(self._due.pop(0))

    def close(self) -> Kept:
        """Say what is there as the document is closed."""
        return self._kept(Moment.CLOSE)

    def _kept(self, moment: Moment) -> Kept:
        characters = sum(piece.end - piece.start for piece in self._pieces)
        return Kept(id=self.id, moment=moment, characters=characters, out_of=self._out_of)


def _followed(piece: _Piece, change: Change, new: Document) -> Iterator[_Piece]:
    """Return what is left of a piece: two, where something was inserted into it."""
    start, end = Point(piece.line, piece.start), Point(piece.line, piece.end)
    if end <= change.start:
        yield piece
        return
    if start >= change.old_end:
        moved = change.moved(start)
        length = piece.end - piece.start
        yield replace(piece, line=moved.line, start=moved.column, end=moved.column + length)
        return
    if start < change.start:
        cut = change.start.column - piece.start
        yield replace(piece, end=change.start.column, text=piece.text[:cut])
    if change.old_end < end:
        cut = change.old_end.column - piece.start
        moved = change.moved(change.old_end)
        yield replace(
            piece,
            line=moved.line,
            start=moved.column,
            end=moved.column + piece.end - change.old_end.column,
            text=piece.text[cut:],
        )
    elif start >= change.start and change.start.line < change.old_end.line:
        # A formatter has written many lines anew; this one may be among them.
        for number in range(change.start.line, change.new_end.line + 1):
            column = new.line(number).find(piece.text)
            if column >= 0:
                end_column = column + len(piece.text)
                yield replace(piece, line=number, start=column, end=end_column)
                return
