"""The longest match of the text before the cursor in other texts, and how its places go on."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MIN_VISIBLE: Final = 6  # non-blank characters that a match must have
LONGEST: Final = 256  # characters compared
_MOST_PLACES: Final = 400  # occurrences looked at, the nearest first
_MOST_VOTERS: Final = 64  # places of the greatest length that vote
_DRAFT_CHARACTERS: Final = 600
_SEGMENT: Final = re.compile(r"\w+|[^\S\n]+|\n\s*|[^\w\s]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """How the text goes on at the places that match best, by majority."""

    length: int  # characters before the cursor that agree, blanks included
    text: str
    borders: tuple[int, ...]  # where the segments (words, blanks, signs) of `text` begin
    votes: tuple[int, ...]  # for each segment, the places that go on with it
    voters: tuple[int, ...]  # for each segment, the places that agreed with all before it

    def support(self, offset: int) -> tuple[int, int]:
        """Return votes and voters of the segment at a character of `text`."""
        segment = bisect_right(self.borders, offset) - 1
        return self.votes[segment], self.voters[segment]


def find_draft(tail: str, texts: Sequence[str], *, lines: int) -> Draft | None:
    """Find the longest match of the end of `tail` in `texts` and let its places vote.

    Args:
        tail: the text up to the cursor.
        texts: nearest first; the first one is read from its end, where the cursor is.
        lines: of the draft; with 1 it ends with its line, the line end included.
    """
    tail = tail[-LONGEST:]
    needle = _shortest_needle(tail)
    if needle is None:
        return None
    length = len(needle)
    places: list[tuple[str, int]] = []
    for text, end in _places(needle, texts):
        if text[end - length : end] != tail[-length:]:
            continue
        agreeing = _agreeing(tail, text, end, length)
        if agreeing > length:
            length = agreeing
            places.clear()
        if len(places) < _MOST_VOTERS:
            places.append((text, end))
    return _vote(length, [_continuation(text, end, lines) for text, end in places])


def _shortest_needle(tail: str) -> str | None:
    """Return the shortest end of the text with enough non-blank characters."""
    visible = 0
    for start in range(len(tail) - 1, -1, -1):
        visible += not tail[start].isspace()
        if visible == MIN_VISIBLE:
            return tail[start:]
    return None


def _places(needle: str, texts: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield where the needle occurs: the text, and the end of the occurrence inside it."""
    left = _MOST_PLACES
    for index, text in enumerate(texts):
        last = len(text) - 1  # an occurrence at the very end has nothing to foretell
        at = text.rfind(needle, 0, last) if index == 0 else text.find(needle, 0, last)
        while at >= 0 and left > 0:
            yield text, at + len(needle)
            left -= 1
            if index == 0:
                at = text.rfind(needle, 0, at + len(needle) - 1)
            else:
                at = text.find(needle, at + 1, last)


def _agreeing(tail: str, text: str, end: int, known: int) -> int:
    """Return how many characters before the cursor and before `end` agree; `known` of them do."""
    low, high = known, min(len(tail), end)
    while low < high:
        middle = (low + high + 1) // 2
        if tail[-middle:] == text[end - middle : end]:
            low = middle
        else:
            high = middle - 1
    return low


def _continuation(text: str, end: int, lines: int) -> str:
    """Return the next `lines` lines, the last line end included."""
    piece = text[end : end + _DRAFT_CHARACTERS]
    cut = -1
    for _ in range(lines):
        found = piece.find("\n", cut + 1)
        if found < 0:
            return piece
        cut = found
    return piece[: cut + 1]


def _vote(length: int, voters: list[str]) -> Draft | None:
    """Follow the majority segment by segment; of equally many the nearest place wins."""
    if not voters:
        return None
    offset = 0
    borders: list[int] = []
    votes: list[int] = []
    counts: list[int] = []
    while True:
        nexts = [
            found.group() if (found := _SEGMENT.match(voter, offset)) else "" for voter in voters
        ]
        ((segment, agreeing),) = Counter(nexts).most_common(1)  # ties: the first met
        if not segment:
            break
        borders.append(offset)
        votes.append(agreeing)
        counts.append(len(voters))
        offset += len(segment)
        voters = [voter for voter, said in zip(voters, nexts, strict=True) if said == segment]
    return Draft(
        length=length,
        text=voters[0][:offset],
        borders=tuple(borders),
        votes=tuple(votes),
        voters=tuple(counts),
    )
