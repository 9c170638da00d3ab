"""The text around the cursor that the engine is given, cut so that typing moves no edge."""

import re
from dataclasses import dataclass

from lsp_server.document import Document, Edit, Point, normalise_line_ends

PREFIX_CHARACTERS = 16_000
SUFFIX_CHARACTERS = 8_000
_LONGEST_PREFIX = PREFIX_CHARACTERS + PREFIX_CHARACTERS // 4
_SHORTEST_PREFIX = PREFIX_CHARACTERS // 2
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What stands around one place; every line end is one newline character."""

    prefix: str
    suffix: str
    start_line: int  # where the prefix begins: at the beginning of this line,
    start_column: int  # or, in a very long line, at this code point of it


class WindowPins:
    """Remembers where each document's prefix began, so that the next prompt begins there too.

    A moved beginning makes the whole prompt new for the engine's cache. So it moves in jumps: it
    stays until the prefix has grown by a quarter or shrunk to half.
    """

    def __init__(self) -> None:
        self._start_lines: dict[str, int] = {}

    def window(self, document: Document, cursor: Point) -> Window:
        """Return the window around a place, and remember where it begins."""
        start = self._start_lines.get(document.uri, 0)
        if not _keeps(document, start, cursor):
            start = _start_line(document, cursor)
        self._start_lines[document.uri] = start
        return cut_window(document, cursor, start)

    def edited(self, uri: str, edit: Edit) -> None:
        """Follow an edit: lines that were inserted above move the beginning along."""
        start = self._start_lines.get(uri)
        if start is not None and edit.end_line < start:
            self._start_lines[uri] = max(0, start + edit.line_delta)

    def closed(self, uri: str) -> None:
        """Forget a document."""
        self._start_lines.pop(uri, None)


def cut_window(document: Document, cursor: Point, start_line: int) -> Window:
    """Return the text from `start_line` to the cursor and from there to a line end."""
    head = document.lines[cursor.line][: cursor.column]
    column = 0
    if start_line == cursor.line and len(head) > _LONGEST_PREFIX:
        # One line is longer than a window: its beginning moves in jumps of a quarter as well.
        jump = PREFIX_CHARACTERS // 4
        column = (len(head) - PREFIX_CHARACTERS) // jump * jump
    prefix = "".join(document.lines[start_line : cursor.line]) + head[column:]
    return Window(
        prefix=printable(normalise_line_ends(prefix)),
        suffix=printable(_suffix(document, cursor)),
        start_line=start_line,
        start_column=column,
    )


def printable(text: str) -> str:
    """Replace lone surrogates, which no encoder takes, by U+FFFD; lengths stay as they are."""
    try:
        text.encode("utf-8")  # much faster than to search, and nearly always all there is to do
    except UnicodeEncodeError:
        return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
    return text


def _keeps(document: Document, start: int, cursor: Point) -> bool:
    if start > cursor.line:
        return False
    length = cursor.column
    for number in range(cursor.line - 1, start - 1, -1):
        length += len(document.lines[number])
        if length > _LONGEST_PREFIX:
            return False
    return start == 0 or length >= _SHORTEST_PREFIX


def _start_line(document: Document, cursor: Point) -> int:
    length = cursor.column
    start = cursor.line
    while start > 0 and length + len(document.lines[start - 1]) <= PREFIX_CHARACTERS:
        start -= 1
        length += len(document.lines[start])
    return start


def _suffix(document: Document, cursor: Point) -> str:
    parts = [document.lines[cursor.line][cursor.column :][:SUFFIX_CHARACTERS]]
    length = 0  # of the lines below: what comes and goes on the cursor's must not move the end
    for number in range(cursor.line + 1, len(document.lines)):
        length += len(document.lines[number])
        if length > SUFFIX_CHARACTERS:
            break
        parts.append(document.lines[number])
    return normalise_line_ends("".join(parts))
