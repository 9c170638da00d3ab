"""Lines of the document that go on like the cursor's line, but with other names in some places.

Code comes in rows: after ``self.width = width`` comes ``self.height = height``. A line agrees with
the cursor's if it has the same words and signs up to the cursor, but for names that stand for each
other throughout, in the line above as well where that is alike too. How such a line goes on, with
the cursor's names in place of its own, is one more way to go on.
"""

import keyword
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

Names: TypeAlias = dict[str, str]  # of another line, to the name that the cursor's has there
_TOKEN: Final = re.compile(r"[^\W\d]\w*|\d+|\s+|.")
_WORDS: Final = re.compile(r"\w+|\W+")
_FIXED: Final = frozenset(keyword.kwlist) | frozenset(
    re.findall(
        r"\w+",
        "self cls this super new null true false const let var function static public private final"
        " void case switch do int fn impl struct enum match mut use func type interface",
    )
)  # words that never stand for another one
_MOST_LINES: Final = 250  # to each side of the cursor
_LONGEST: Final = 400  # characters of a line
_MOST_ABOVE: Final = 12  # tokens of the line above that count
_LEAST_ALIKE: Final = 2  # visible tokens that are the same, in the line or in the one above
_MOST: Final = 12  # lines that are returned
_LINES_BEHIND: Final = 6  # lines of how it goes on, the first included
_CACHED: Final = 20_000  # lines cut into tokens, of all documents
_SPELLINGS: Final = (str.lower, str.upper, str.capitalize)


class RenamedLine(NamedTuple):
    """One line that goes on like the cursor's."""

    text: int  # 0 before the cursor, 1 behind it
    at: int  # where in that text it goes on, with its own names
    rest: str  # how it goes on, with the cursor's names
    line: str  # all of it, with the cursor's names, without indentation
    end: int  # of the line in its text
    indent: int  # deeper than the line above it
    names: int  # that differ
    alike: int  # visible tokens up to the cursor that are the same
    above: int  # the same of the line above, 0 if that is not alike


class _Line(NamedTuple):
    text: int
    start: int  # of its first visible character
    indent: int
    visible: str
    above: str  # the visible line above it
    above_indent: int


class RenamedLines:
    """The lines around one cursor."""

    def __init__(self, before: str, behind: str) -> None:
        """Cut the document into lines.

        Args:
            before: what stands before the cursor; its last line is the cursor's.
            behind: what stands behind it; its first line is the cursor's.
        """
        self._texts = before, behind
        self._lines = [
            *reversed(list(_lines(0, before, max(0, _back(before)), before.rfind("\n") + 1))),
            *_lines(1, behind, behind.find("\n") + 1 or len(behind), len(behind)),
        ]

    def places(self, line: str, above: str) -> list[RenamedLine]:
        """Return the lines that go on like the cursor's, those first that have most in common.

        Args:
            line: the cursor's, up to it, without indentation.
            above: the visible line above it.
        """
        prefix, word = _cut(line)
        above_tokens = _tokens(above)
        scored = []
        for number, other in enumerate(self._lines):
            found = _agreeing(prefix, word, above_tokens, other)
            if found is not None:
                scored.append((-found.above - found.alike, found.names, number, found))
        scored.sort(key=lambda row: row[:3])
        renamed = (self._renamed(self._lines[row[2]], line, row[3]) for row in scored[:_MOST])
        return [found for found in renamed if found.line.startswith(line)]

    def _renamed(self, line: _Line, cursor_line: str, found: "_Agreement") -> RenamedLine:
        text = self._texts[line.text]
        end = line.start + len(line.visible)
        names = _with_spellings(found.names_of)
        visible = _rename(line.visible, names)
        behind = text[end : end + _LONGEST]
        lines = behind.split("\n")[: _LINES_BEHIND + 1]
        more = _rename("\n".join(lines), names)
        return RenamedLine(
            text=line.text,
            at=line.start + found.length,
            rest=visible[len(cursor_line) :] + more,
            line=visible,
            end=end,
            indent=line.indent - line.above_indent,
            names=found.names,
            alike=found.alike,
            above=found.above,
        )


class _Agreement(NamedTuple):
    names_of: Names
    names: int
    alike: int
    above: int
    length: int  # characters of the line up to where it goes on


def _agreeing(
    prefix: Sequence[str], word: str, above: Sequence[str], other: _Line
) -> _Agreement | None:
    """Compare a line with the cursor's, None if it does not go on like it under other names.

    Args:
        prefix: tokens of the cursor's line, without the word that the cursor is in.
        word: that word.
        above: tokens of the line above.
        other: the line.
    """
    tokens = _tokens(other.visible)
    if len(tokens) <= len(prefix):
        return None
    names: Names = {}
    alike = _align(prefix, tokens, names)
    if alike is None:
        return None
    shared = dict(names)
    others = _tokens(other.above)
    same_above = _align(above, others, shared) if len(above) == len(others) else None
    if same_above is not None:
        names = shared
    length = sum(map(len, tokens[: len(prefix)]))
    if word:
        own = tokens[len(prefix)]
        if names.get(own, own).startswith(word):
            length += min(len(word), len(own))
        elif _is_name(own) and _is_name(word) and own not in names:
            names[own] = word  # it may be a whole word
            length += len(own)
        else:
            return None
    differing = sum(own != cursors for own, cursors in names.items())
    most = min(same_above or 0, _MOST_ABOVE)
    if not differing or max(alike, most) < _LEAST_ALIKE:
        return None
    return _Agreement(names, differing, alike, most, length)


def _align(cursors: Sequence[str], others: Sequence[str], names: Names) -> int | None:
    """Return how many visible tokens are the same, None if others differ than names.

    Args:
        cursors: tokens.
        others: at least as many; what goes beyond is not compared.
        names: is filled with those that stand for each other.
    """
    alike = 0
    for cursor, other in zip(cursors, others, strict=False):
        known = names.get(other)
        if known is not None:
            if known != cursor:
                return None
            alike += known == other
        elif cursor == other:
            if _is_name(other):
                names[other] = cursor
            alike += not cursor.isspace()
        elif _is_name(cursor) and _is_name(other):
            names[other] = cursor
        else:
            return None
    return alike


def _with_spellings(names: Names) -> Names:
    """Return the names, and the same in other spellings: of Width and Height, width and height."""
    found = dict(names)
    for own, cursors in names.items():
        if own != cursors:
            for spell in _SPELLINGS:
                if spell(own) not in _FIXED:
                    found.setdefault(spell(own), spell(cursors))
    return found


def _rename(text: str, names: Names) -> str:
    return "".join(names.get(word, word) for word in _WORDS.findall(text))


def _cut(line: str) -> tuple[Sequence[str], str]:
    """Return the tokens of a line, and the word that its end is in, "" if it is in none."""
    tokens = _tokens(line)
    if tokens and (tokens[-1][-1].isalnum() or tokens[-1][-1] == "_"):
        return tokens[:-1], tokens[-1]
    return tokens, ""


@lru_cache(_CACHED)
def _tokens(line: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(line[:_LONGEST]))


def _is_name(token: str) -> bool:
    return (token[0].isalpha() or token[0] == "_") and token not in _FIXED


def _back(text: str) -> int:
    """Return where so many lines begin before the last one."""
    at = text.rfind("\n")
    for _ in range(_MOST_LINES):
        if at < 0:
            return 0
        at = text.rfind("\n", 0, at)
    return at + 1


def _lines(number: int, text: str, start: int, end: int) -> Iterator[_Line]:
    """Yield the visible lines between two borders of a text."""
    above, above_indent = "", 0
    for _ in range(_MOST_LINES):
        if start >= end:
            return
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        line = text[start:stop]
        visible = line.strip()
        if visible and len(line) <= _LONGEST:
            indent = len(line) - len(line.lstrip())
            yield _Line(number, start + indent, indent, visible, above, above_indent)
            above, above_indent = visible, indent
        start = stop + 1
