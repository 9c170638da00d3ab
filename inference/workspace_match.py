"""What a place elsewhere has in common with the cursor's, in plain numbers.

These are the columns of `Column`; how much each counts is fitted (`workspace_weights`).
"""

import re
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.comparing import common_prefix

# N places, C columns

Table: TypeAlias = npt.NDArray[np.int32]
# Number of a text and where in it the text goes on; numbers below 0 are segments of the workspace,
# where bytes are counted.
Key: TypeAlias = tuple[int, int]
LONGEST: Final = 256  # characters before the cursor that are compared
MIN_VISIBLE: Final = 4  # non-blank characters that a match must have
_SQUASHED: Final = 64  # non-blank characters that are compared across blanks
REACH: Final = 160  # characters looked at for them
_CONTINUATION: Final = 400  # characters kept of how a place goes on
_OWN_CHARACTERS: Final = 10_000  # before and behind the cursor, where words and lines are known
_UNKNOWN_FOLLOWING: Final = 8  # assumed where nothing stands behind the cursor
_WORD_END: Final = re.compile(r"\w+\Z")
_WORD: Final = re.compile(r"[^\W\d]\w*")


class Column(IntEnum):
    """What is known of a place."""

    MATCHED = 0  # characters before it that agree with those before the cursor
    VISIBLE = 1  # the same of non-blank characters, whatever the blanks between them
    FOLLOWING = 2  # non-blank characters behind its line that agree with those behind the cursor's
    REPEATS = 3  # its line is the one that follows the cursor
    KIND = 4  # of text: 0 before the cursor, 1 behind it, 2 near, 3 far
    RANK = 5  # how many places were found before it: near ones, then those that share most
    SOURCE = 6  # found by 0 what is before the cursor, 1 the line above, 2 the line below
    SAME_INDENT = 7  # its line is indented as the cursor's
    SAME_STEP = 8  # and the line below it is deeper, as deep or less deep, as below the cursor
    UNKNOWN_WORD = 9  # it goes on with a new word, one that is not in the document
    KNOWN_LINE = 10  # its line, as a whole, is in the document
    WORD = 11  # characters of a word before the cursor, of which the place is inside as well
    AGREED = 12  # all places inside that word go on with the same token (known later, see `agreed`)
    FORETOLD = 13  # tokens of this generation's line that the place has as well, in one run
    EXPLAINED = 14  # how unlikely these were to the network alone, in hundredths of nats
    # Of a line that goes on like the cursor's under other names (`renamed_lines`), else 0:
    NAMES = 15  # that differ
    ALIKE = 16  # visible tokens up to the cursor that are the same
    ALIKE_ABOVE = 17  # the same of the line above


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """What is compared with places; the text before the cursor grows while tokens are written."""

    tail: str  # before the cursor
    squashed: str  # the same without blanks, backwards
    line: str  # the cursor's line up to it, without indentation
    word: str  # the beginning of the word that the cursor is in, "" if it is in none
    above: str  # the text above the line, without the blanks at its end
    indent: int
    below: str  # the first line behind the cursor's line that is not blank, with its indentation
    below_two: str  # the same with the line that follows it, "" if there is none
    following: str  # from there on, without blanks
    step: int  # sign of how much deeper the line below is

    @classmethod
    def at(cls, before: str, suffix: str) -> "Cursor":
        """Describe the place between two texts."""
        tail = before[-REACH * 4 :]
        start = tail.rfind("\n") + 1
        line = tail[start:].lstrip()
        indent = len(tail) - start - len(line)
        behind = suffix.partition("\n")[2][: REACH * 4]
        visible = behind.lstrip()
        below_start = behind.rfind("\n", 0, len(behind) - len(visible)) + 1
        first, _, more = behind[below_start:].partition("\n")
        below, second = first.rstrip(), more.partition("\n")[0]
        below_indent = len(behind) - len(visible) - below_start
        return cls(
            tail=tail[-LONGEST:],
            squashed=_squash(tail[-REACH:])[::-1],
            line=line,
            word=_word_end(tail),
            above=tail[:start].rstrip(),
            indent=indent,
            below=below,
            below_two=f"{first}\n{second}" if second else "",
            following=_squash(visible[:REACH])[:_SQUASHED],
            step=_sign(below_indent - indent) if visible else 0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """N places: how the text goes on there, and what they have in common with the cursor's."""

    keys: list[Key]
    continuations: list[str]
    table: Table  # ``[N, C]``

    @classmethod
    def none(cls) -> "Places":
        """Return no places."""
        return cls(keys=[], continuations=[], table=np.zeros((0, len(Column)), dtype=np.int32))

    def told(self, right: npt.NDArray[np.bool_], centinats: int) -> "Places":
        """Return them behind one more token.

        Args:
            right: ``[N]``, whether a place goes on with it.
            centinats: how unlikely it was to the network.
        """
        table = self.table.copy()
        table[right, Column.FORETOLD] += 1
        table[right, Column.EXPLAINED] += centinats
        return replace(self, table=table)

    def following(self, written: str) -> "Places":
        """Return those that go on with `written`, moved behind it."""
        kept = [
            index
            for index, text in enumerate(self.continuations)
            if len(text) > len(written) and text.startswith(written)
        ]
        table = self.table[kept]
        table[:, Column.MATCHED] += len(written)
        table[:, Column.VISIBLE] += len(_squash(written))
        word = _word_end(written)
        table[:, Column.WORD] *= len(word) == len(written)
        table[:, Column.WORD] += len(word)
        lengths = len(written), len(written.encode("utf-8", "replace"))
        keys = [self.keys[index] for index in kept]
        return Places(
            keys=[(number, at + lengths[number < 0]) for number, at in keys],
            continuations=[self.continuations[index][len(written) :] for index in kept],
            table=table,
        )

    def joined(self, other: "Places") -> "Places":
        """Return both, each place once."""
        known = set(self.keys)
        new = [index for index, key in enumerate(other.keys) if key not in known]
        return Places(
            keys=self.keys + [other.keys[index] for index in new],
            continuations=self.continuations + [other.continuations[index] for index in new],
            table=np.concatenate([self.table, other.table[new]]),
        )


def agreed(table: Table, which: npt.NDArray[np.intp]) -> Table:
    """Return the table with the column AGREED.

    Args:
        table: ``[N, C]``
        which: ``[N]``, what tells apart the tokens that the places go on with.
    """
    table = table.copy()
    inside = table[:, Column.WORD] >= MIN_VISIBLE
    if inside.any() and (which[inside] == which[inside][0]).all():
        table[:, Column.AGREED] = inside
    return table


class Document:
    """The words and lines of the document around the cursor."""

    def __init__(self, before: str, suffix: str) -> None:
        around = before[-_OWN_CHARACTERS:], suffix[:_OWN_CHARACTERS]
        self.words = {word for text in around for word in _WORD.findall(text)}
        self.lines = {line.strip() for text in around for line in text.split("\n")}

    def is_new_word(self, rest: str, *, inside: bool) -> bool:
        """Tell whether a text goes on with a word that is not in the document.

        Args:
            rest: the text, to the end of a line at least.
            inside: it goes on inside a word, if it begins with one.
        """
        if inside and _is_word(rest[:1]):
            return False
        word = _WORD.search(rest.partition("\n")[0])
        return word is not None and word.group() not in self.words


def compare(
    cursor: Cursor, document: Document, text: str, at: int, found: tuple[int, int, int]
) -> tuple[tuple[int, ...], str]:
    """Return the columns of a place, and how it goes on.

    Args:
        cursor: what is compared with it.
        document: of the cursor.
        text: around the place.
        at: where in the text it is.
        found: its KIND, RANK and SOURCE.
    """
    matched = _agreeing(cursor.tail, text, at)
    visible = common_prefix(cursor.squashed, _squash(text[max(0, at - REACH) : at])[::-1])
    if 0 < matched == len(cursor.tail) < LONGEST:  # what would stand before that is not known
        matched, visible = min(LONGEST, 2 * matched), min(_SQUASHED, 2 * visible)
    continuation = text[at : at + _CONTINUATION]
    rest, _, behind = continuation.partition("\n")
    start = text.rfind("\n", 0, at) + 1
    line = (text[start:at] + rest).strip()
    indent = _indent(text[start : start + REACH])
    squashed = _squash(behind[: REACH * 2])[:_SQUASHED]
    below = behind[: len(behind) - len(behind.lstrip())].rpartition("\n")[2]
    step = _sign(len(below) - indent) if squashed else 0
    inside = bool(_word_end(text[max(0, at - 1) : at]))
    columns = (
        matched,
        visible,
        common_prefix(cursor.following, squashed) if cursor.following else _UNKNOWN_FOLLOWING,
        bool(line) and cursor.below.strip() == line,
        *found,
        indent == cursor.indent,
        step == cursor.step,
        document.is_new_word(rest, inside=inside),
        line in document.lines,
        len(cursor.word) if _begins(text, at - len(cursor.word), cursor.word) else 0,
        *(0,) * (len(Column) - Column.AGREED),
    )
    return tuple(map(int, columns)), continuation


def _agreeing(tail: str, text: str, at: int) -> int:
    """Return how many characters before the cursor and before `at` agree."""
    low, high = 0, min(len(tail), at)
    while low < high:
        middle = (low + high + 1) // 2
        if tail[-middle:] == text[at - middle : at]:
            low = middle
        else:
            high = middle - 1
    return low


def last_line(text: str) -> str:
    """Return a text's last line, without indentation."""
    return text.rpartition("\n")[2].strip()


def last_indent(text: str) -> int:
    """Return the indentation of a text's last line."""
    return _indent(text.rpartition("\n")[2])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _begins(text: str, at: int, word: str) -> bool:
    """Tell whether a word of the text begins there and goes on so."""
    return at >= 0 and text.startswith(word, at) and not _word_end(text[max(0, at - 1) : at])


def _word_end(text: str) -> str:
    """Return the part of a word at the end of a text."""
    found = _WORD_END.search(text)
    return found.group() if found else ""


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _squash(text: str) -> str:
    """Return the text without blanks."""
    return "".join(text.split())


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
