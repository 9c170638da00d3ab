"""Somebody who types a passage of a real file into an editor that indents and closes brackets."""

import random
import re
from copy import copy
from dataclasses import dataclass
from typing import Final

from evaluation.keystrokes.pairs import closing_pairs

_INDENT: Final = 4
_TYPOS: Final = 0.015  # of the letters
_BLOCK_OPENER: Final = re.compile(r"[:(\[{]\s*\Z")
_BLOCK_END: Final = re.compile(r"\s*(?:return|pass|raise|break|continue)\b")
# An editor closes a bracket only before one of these.
_CLOSES_BEFORE: Final = frozenset(";:.,=}])> \n\t")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What is typed, and into what."""

    repository: str
    path: str  # inside the repository
    head: str  # stands above already
    body: str  # what the file goes on with; only its beginning is typed
    tail: str  # stands below already
    length: int  # of the part of `body` that is typed


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What one key does to the text around the cursor."""

    delete: int = 0  # characters before the cursor
    insert: str = ""
    close: str = ""  # inserted behind the cursor
    overtype: int = 0  # characters behind the cursor that it moves over


class Typist:
    """The text around the cursor, and which key comes next.

    Before the cursor stands always `head + body[:done] + surplus + typo`, behind it the closers
    that the editor has inserted and then `tail`.
    """

    def __init__(self, passage: Passage, chance: random.Random | None = None) -> None:
        """Begin to type.

        Args:
            passage: what is typed.
            chance: decides on typing errors; None for none.
        """
        self.passage = passage
        self.done = 0
        self.before = passage.head
        self.behind = passage.tail
        self._chance = chance
        self._pairs = closing_pairs(passage.body[: passage.length])
        self._pending: list[int] = []  # where in `body` the closers behind the cursor belong
        self._surplus = 0  # blanks of the editor's own indentation that do not belong there
        self._typo = 0

    @property
    def finished(self) -> bool:
        """Whether the passage is typed."""
        return self.done >= self.passage.length

    def press(self) -> Key:
        """Press the next key."""
        key = self._next_key()
        if key.delete:
            self.before = self.before[: -key.delete]
        self.before += key.insert + self.behind[: key.overtype]
        self.behind = key.close + self.behind[key.overtype :]
        return key

    def agrees(self, text: str, absorbed: int) -> bool:
        """Tell whether a suggestion is what will be typed, closers behind the cursor included."""
        if self._surplus or self._typo or not self.passage.body.startswith(text, self.done):
            return False
        return self._closers_before(self.done + len(text)) == absorbed

    def agreeing(self, text: str) -> int:
        """Return how many characters of a suggestion are what will be typed."""
        if self._surplus or self._typo:
            return 0
        truth = self.passage.body[self.done : self.done + len(text)]
        return next(
            (at for at, pair in enumerate(zip(text, truth, strict=False)) if pair[0] != pair[1]),
            len(truth),
        )

    def accept(self, text: str, absorbed: int) -> None:
        """Take a suggestion that agrees."""
        self.before += text
        self.behind = self.behind[absorbed:]
        self.done += len(text)
        del self._pending[:absorbed]

    def keys_for(self, length: int) -> int:
        """Return how many keys the next characters of the passage would take."""
        other = copy(self)
        other._pending = self._pending.copy()  # noqa: SLF001 - of a copy of ourselves
        other._chance = None  # noqa: SLF001 - likewise
        keys = 0
        end = min(self.done + length, len(self.passage.body))
        while other.done < end:
            other.press()
            keys += 1
        return keys

    def _next_key(self) -> Key:
        if self._typo:
            self._typo = 0
            return Key(delete=1)
        character = self.passage.body[self.done]
        if character == "\n":
            return self._enter()
        if self._surplus:
            erased = min(self._surplus, _INDENT)
            self._surplus -= erased
            return Key(delete=erased)
        if self._pending and self._pending[0] == self.done:
            self._pending.pop(0)
            self.done += 1
            return Key(overtype=1)
        if self._mistypes(character):
            self._typo = 1
            return Key(insert="e" if character != "e" else "r")
        return self._type(character)

    def _type(self, character: str) -> Key:
        start = self.done
        if character == " " and self.before.rpartition("\n")[2].strip() == "":
            blanks = re.compile(" *").match(self.passage.body, start)
            width = min(_INDENT, blanks.end() - start if blanks else 1)
            self.done += width
            return Key(insert=" " * width)  # the tabulator key
        self.done += 1
        closer = self._pairs.get(start)
        next_character = self.behind[:1] or "\n"
        word_before = self.before[-1:].isalnum() and character in "\"'"
        if closer is None or next_character not in _CLOSES_BEFORE or word_before:
            return Key(insert=character)
        self._pending.insert(0, closer)
        return Key(insert=character, close=self.passage.body[closer])

    def _enter(self) -> Key:
        """Go to the next line; the editor indents it, and clears a line that held only blanks."""
        erased, self._surplus = self._surplus, 0
        line = self.before[: len(self.before) - erased].rpartition("\n")[2]
        self.done += 1
        width = len(line) - len(line.lstrip(" ")) if line.strip() else erased
        if _BLOCK_OPENER.search(line):
            width += _INDENT
        elif _BLOCK_END.match(line):
            width = max(0, width - _INDENT)
        wanted = re.compile(" *").match(self.passage.body, self.done)
        right = min(width, wanted.end() - self.done if wanted else 0)
        self.done += right
        self._surplus = width - right
        return Key(delete=erased, insert="\n" + " " * width)

    def _mistypes(self, character: str) -> bool:
        return self._chance is not None and character.isalpha() and self._chance.random() < _TYPOS

    def _closers_before(self, end: int) -> int:
        return sum(at < end for at in self._pending)


class Rhythm:
    """Seconds between keys: bursts inside words, pauses at line ends and between thoughts.

    Intervals inside a line are log-normal around 0.13 s, as in studies of transcription typing;
    programmers stop at line ends.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def seconds_after(self, key: Key) -> float:
        """Return how long the typist waits behind a key."""
        if key.insert.startswith("\n"):
            return min(2.0, self._chance.lognormvariate(-0.7, 0.5))
        if self._chance.random() < 0.03:  # noqa: PLR2004 - one key in thirty is thought about
            return self._chance.uniform(0.5, 1.5)
        return min(0.6, max(0.04, self._chance.lognormvariate(-2.04, 0.45)))
