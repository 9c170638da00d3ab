"""Chooses holes in code that look like what a completion is asked for."""

import re
from collections.abc import Callable
from random import Random

MAX_BLOCK_LINES = 10
MAX_RANDOM_CHARS = 300

Span = tuple[int, int]
_WORD_END = re.compile(r"\W|(?<=\W)\w")


def choose_span(rng: Random, text: str) -> Span | None:
    """Draws the hole [start, end) of a fill-in-the-middle sample, in characters.

    Four kinds: the rest of a line behind a cursor anywhere in it, a piece inside a line, whole
    next lines or a block, and a random stretch. None when the text has no line to work on.
    """
    kinds: tuple[Callable[[Random, str], Span | None], ...] = (
        rest_of_line,
        inside_line,
        next_lines,
        random_stretch,
    )
    (kind,) = rng.choices(kinds, weights=(35, 15, 38, 12))
    return kind(rng, text) or random_stretch(rng, text)


def _line_starts(text: str) -> list[int]:
    starts = [0]
    starts.extend(match.end() for match in re.finditer("\n", text))
    return starts


def _random_line(rng: Random, text: str) -> tuple[int, int, int] | None:
    """Start, first character that is no blank, and end of a line that has one."""
    starts = _line_starts(text)
    for _ in range(8):
        start = rng.choice(starts)
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end]
        if line.strip():
            return start, start + len(line) - len(line.lstrip()), end
    return None


def rest_of_line(rng: Random, text: str) -> Span | None:
    """A cursor anywhere in a line; the hole ends with the line."""
    line = _random_line(rng, text)
    if line is None:
        return None
    _, first, end = line
    return rng.randrange(first, end), end


def inside_line(rng: Random, text: str) -> Span | None:
    """A hole inside one line that stops at the border of a word before the line's end."""
    line = _random_line(rng, text)
    if line is None:
        return None
    _, first, end = line
    start = rng.randrange(first, end)
    borders = [match.start() for match in _WORD_END.finditer(text, start + 1, end)]
    return (start, rng.choice(borders)) if borders else (start, end)


def next_lines(rng: Random, text: str) -> Span | None:
    """One or more whole lines, often up to the end of their block; ends with a line."""
    line = _random_line(rng, text)
    if line is None:
        return None
    start, first, end = line
    # where an editor's cursor is after Enter (indented), at a line's start, or behind a line
    begin = rng.choices((first, start, max(start - 1, 0)), weights=(55, 15, 30))[0]
    indent = first - start
    whole_block = rng.random() < 0.5  # noqa: PLR2004 - half of them
    count = MAX_BLOCK_LINES if whole_block else min(1 + int(rng.expovariate(0.6)), MAX_BLOCK_LINES)
    for _ in range(count - 1):
        if end + 1 >= len(text):  # only a newline is left
            break
        following = text.find("\n", end + 1)
        following = len(text) if following < 0 else following
        body = text[end + 1 : following]
        if whole_block and (not body.strip() or len(body) - len(body.lstrip()) < indent):
            break
        end = following
    return begin, end


def random_stretch(rng: Random, text: str) -> Span | None:
    """Any short stretch of characters."""
    if len(text) < 2:  # noqa: PLR2004 - nothing to cut from
        return None
    start = rng.randrange(len(text) - 1)
    return start, min(len(text), start + rng.randint(1, MAX_RANDOM_CHARS))
