"""What is written to the history: one record a fact, each with texts that never reach the file."""

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_ID_BITS: Final = 20  # random, behind the milliseconds: servers may write in the same one
_MOST_MS: Final = (1 << 43) - 1  # year 2248; with the random bits it fits SQLite's integers
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9+#._-]{1,32}")
_OTHER_LANGUAGE: Final = "other"


class Verdict(StrEnum):
    """What became of a suggestion."""

    WHOLE = "whole"  # accepted by one edit, to its end
    LINE = "line"  # by an edit to the end of one of its lines
    WORD = "word"  # by an edit that took less
    TYPED = "typed"  # typed to its end by hand
    BEYOND = "beyond"  # likewise, and on in the same line: right, but not all that was to come
    REJECTED = "rejected"  # seen, and something else was typed
    BRIEF = "brief"  # something else was typed before anybody could have read it
    LEFT = "left"  # the user went on elsewhere
    WITHDRAWN = "withdrawn"  # the server has shown something else in its place, or nothing


ACCEPTED: Final = frozenset({Verdict.WHOLE, Verdict.LINE, Verdict.WORD})


class Moment(StrEnum):
    """When it is looked how much of an accepted text is still there; names of columns."""

    HALF_MINUTE = "kept_30s"
    TWO_MINUTES = "kept_2m"
    TEN_MINUTES = "kept_10m"
    CLOSE = "kept_close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A suggestion was answered."""

    id: int
    document: str  # its URI; written as a salted hash
    place: str  # what stands before the cursor; written as a salted hash
    language: str
    kind: str  # code, comment or string
    line_start: bool  # nothing but blanks before the cursor
    list_entry: bool  # an entry of ordinary completion, no ghost text
    explicit: bool
    explored: bool  # under the threshold, shown to learn from it
    characters: int
    lines: int
    confidence: float
    foretold: float  # share of its tokens that the workspace expert had foretold
    latency_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of it."""

    id: int
    verdict: Verdict
    visible_ms: float
    taken: int  # characters that accepting edits have put in
    grabs: int  # accepting edits


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How much of an accepted text is still there."""

    id: int
    moment: Moment
    characters: int  # of `out_of`
    out_of: int  # accepted ones, blanks at the ends of lines not counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """The client has run the item's command."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Nothing was shown."""

    day: int  # since 1970
    language: str
    reason: str


Record = Shown | Judged | Kept | Confirmed | Silence


def new_id(now_s: float) -> int:
    """Return an identity that sorts by time, whatever the clock says."""
    ms = min(max(int(now_s * 1000), 0), _MOST_MS)
    return ms << _ID_BITS | secrets.randbits(_ID_BITS)


def time_of(suggestion_id: int) -> float:
    """Return when it was shown, in seconds since 1970."""
    return (suggestion_id >> _ID_BITS) / 1000


def known_language(language: str) -> str:
    """Return an LSP language id; whatever does not look like one could be anything."""
    return language if _LANGUAGE.fullmatch(language) else _OTHER_LANGUAGE
