"""An open document as LSP sees it: lines that end in LF, CRLF or CR alone, edited by ranges.

pygls' own documents split with `str.splitlines`, which also ends a line at form feeds, U+0085,
U+2028 and U+2029; LSP does not, so every position behind such a character would be wrong there.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple, Self

from lsp_server.positions import PositionEncoding, index_of_units

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_LINE_ENDS = "\r\n"
_SURROGATE = re.compile("[\ud800-\udfff]")


class Point(NamedTuple):
    """A place in a document, in code points; both count from 0."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Which lines an edit replaced, and by how much it changed the document."""

    start_line: int
    end_line: int  # the last line touched, before the edit
    line_delta: int
    length_delta: int  # characters, each line end counted as one


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One version of a document; an edit makes a new one."""

    uri: str
    version: int
    language: str
    lines: tuple[str, ...]  # each with its line end; the last has none, so there is always one
    length: int  # characters, each line end counted as one

    @classmethod
    def of_text(cls, *, uri: str, version: int, language: str, text: str) -> Self:
        """Make a document of its whole text."""
        lines = tuple(split_lines(_join_surrogates(text)))
        length = sum(map(len, lines)) - sum(line.endswith("\r\n") for line in lines)
        return cls(uri=uri, version=version, language=language, lines=lines, length=length)

    def line(self, number: int) -> str:
        """Return a line without its line end."""
        return self.lines[number].rstrip(_LINE_ENDS)

    def point(self, line: int, character: int, encoding: PositionEncoding) -> Point:
        """Return where an LSP position stands; one outside moves to the nearest end."""
        if line >= len(self.lines):
            last = len(self.lines) - 1
            return Point(last, len(self.lines[last]))
        return Point(line, index_of_units(self.line(line), character, encoding))

    def text(self) -> str:
        """Return the whole text with LF as line end."""
        return normalise_line_ends("".join(self.lines))

    def replace(self, start: Point, end: Point, text: str, version: int) -> tuple[Self, Edit]:
        """Return the document with `text` in place of what stands between two points."""
        if end < start:
            start, end = end, start
        first, last = start.line, end.line
        region = self.lines[first][: start.column] + text + self.lines[last][end.column :]
        if first > 0 and region.startswith("\n") and self.lines[first - 1].endswith("\r"):
            first -= 1  # a lone \r and this \n have become one line end
            region = self.lines[first] + region
        region = _join_surrogates(region)
        new_lines = split_lines(region)
        if last + 1 < len(self.lines):
            new_lines.pop()  # the region ends in a line end; what follows it is there already
        old_lines = self.lines[first : last + 1]
        edit = Edit(
            start_line=first,
            end_line=last,
            line_delta=len(new_lines) - len(old_lines),
            length_delta=_length("".join(new_lines)) - _length("".join(old_lines)),
        )
        document = type(self)(
            uri=self.uri,
            version=version,
            language=self.language,
            lines=self.lines[:first] + tuple(new_lines) + self.lines[last + 1 :],
            length=self.length + edit.length_delta,
        )
        return document, edit

    def replace_all(self, text: str, version: int) -> tuple[Self, Edit]:
        """Return the document with another text."""
        last = len(self.lines) - 1
        return self.replace(Point(0, 0), Point(last, len(self.lines[last])), text, version)


def split_lines(text: str) -> list[str]:
    """Return the lines of `text` with their ends; what follows the last line end is a line too."""
    lines = _LINE.findall(text)
    if not lines or lines[-1].endswith(("\r", "\n")):
        lines.append("")
    return lines


def normalise_line_ends(text: str) -> str:
    """Return `text` with LF as its only line end."""
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _length(text: str) -> int:
    return len(text) - text.count("\r\n")


def _join_surrogates(text: str) -> str:
    """Join halves of a pair that two edits brought together; lone halves stay as they are."""
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
