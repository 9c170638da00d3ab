"""When a completion is over, judged by its text alone: line, scope, repetition; pure functions."""

import re
from dataclasses import dataclass
from typing import Final

from inference.request import FinishReason

_TAB_COLUMNS: Final = 4
# A line that stands as deep as the block's header and yet belongs to it.
_CONTINUATION: Final = re.compile(
    r"(?:else|elif|elsif|except|finally|catch|rescue|ensure|case|default|then|fi|done|end|esac)\b"
    r"|[)\]}]"
)
_UNFINISHED_WORD: Final = re.compile(r"\w*\Z")
# Repetition: a unit that comes again and again at the end of the text.
_LONGEST_UNIT: Final = 240  # characters
_PROBE: Final = 12  # the end of the text that is looked for further left
_PROBES: Final = 8
_LINE_REPEATS: Final = 3  # of units with a line break in them
_INLINE_REPEATS: Final = 6
_INLINE_LENGTH: Final = 36
_RULE_LENGTH: Final = 120  # one character on and on: longer than any ruler drawn in a comment
_LETTER_LENGTH: Final = 20  # one letter on and on: longer than a mask, 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The completion is over: what remains of its text, and why."""

    text: str
    reason: FinishReason


def find_stop(text: str, *, cursor_line: str, multi_line: bool) -> Stop | None:
    r"""Judge the text generated so far; asked after every token, so the first rule met counts.

    Args:
        text: everything generated, "\n" line ends.
        cursor_line: what stands on the cursor's line before the cursor.
        multi_line: whether the text may leave the cursor's line.
    """
    if not multi_line:
        end = first_line_end(text)
        if end is not None:
            return Stop(text=text[:end], reason=FinishReason.LINE)
    else:
        end = scope_end(text, cursor_line)
        if end is not None:
            return Stop(text=text[:end], reason=FinishReason.SCOPE)
    end = repetition_start(text)
    if end is not None:
        return Stop(text=text[:end], reason=FinishReason.REPETITION)
    return None


def first_line_end(text: str) -> int | None:
    """Return where the first line of `text` ends, None while it is still open."""
    ends = [at for at in (text.find("\n"), text.find("\r")) if at >= 0]
    return min(ends, default=None)


def scope_end(text: str, cursor_line: str) -> int | None:
    """Return where the text leaves the scope of the cursor, None while it is inside.

    The scope ends before a line that stands left of the cursor's line; before a line as deep as the
    cursor's line that follows a deeper block (unless it continues the block, as `else` and `}` do);
    before a blank line that is followed by a line left of the one above it; and before two blank
    lines. Of the last line of `text`, still growing, only what is certain counts.
    """
    base = indentation(cursor_line)
    lines = text.split("\n")
    above = base  # indentation of the last line with text
    went_deeper = False
    start = len(lines[0]) + 1
    blank_start: int | None = None  # where the blank line before the current line begins
    for number, line in enumerate(lines[1:], start=1):
        closed = number < len(lines) - 1
        if line.strip():
            deep = indentation(line)
            left = deep < base or (blank_start is not None and deep < above)
            certain = closed or not _UNFINISHED_WORD.match(line.lstrip())
            sibling = went_deeper and deep == base and not _CONTINUATION.match(line.lstrip())
            if left or (sibling and certain):
                return (start if blank_start is None else blank_start) - 1
            went_deeper = went_deeper or deep > base
            above, blank_start = deep, None
        elif closed and blank_start is not None:
            return blank_start - 1
        elif closed:
            blank_start = start
        start += len(line) + 1
    return None


def indentation(line: str) -> int:
    """Return the column (tabs to 4) at which the text of a line begins; of a blank line its end."""
    blank = line[: len(line) - len(line.lstrip(" \t"))]
    return len(blank.expandtabs(_TAB_COLUMNS))


def repetition_start(text: str) -> int | None:
    """Return where a text that ends in repetitions should be cut, None if it does not.

    Of what repeats, the first unit is kept.
    """
    tail = text[-_PROBE:]
    if len(tail) < _PROBE:
        return None
    oldest = len(text) - _PROBE - _LONGEST_UNIT
    found = len(text) - _PROBE
    for _ in range(_PROBES):
        found = text.rfind(tail, max(oldest, 0), found + _PROBE - 1)
        if found < 0:
            return None
        unit = len(text) - _PROBE - found
        start = _periodic_start(text, unit)
        length = len(text) - start
        repeats = length // unit
        piece = text[start : start + unit]
        if "\n" in piece and piece.strip():
            excessive = repeats >= _LINE_REPEATS
        elif len(set(piece)) == 1:
            excessive = length >= (_LETTER_LENGTH if piece.isalpha() else _RULE_LENGTH)
        else:
            excessive = repeats >= _INLINE_REPEATS and length >= _INLINE_LENGTH
        if excessive:
            return start + unit
    return None


def _periodic_start(text: str, unit: int) -> int:
    """Return the first position from which on `text` repeats with the period `unit`."""
    start = len(text) - unit
    while start >= unit and text[start - unit : start] == text[start : start + unit]:
        start -= unit
    while start > 0 and text[start - 1] == text[start - 1 + unit]:
        start -= 1
    return start
