"""Brackets and quotes of Python source that an editor would close by itself."""

from typing import Final

_CLOSERS: Final = {"(": ")", "[": "]", "{": "}"}
_QUOTES: Final = "\"'"


def closing_pairs(text: str) -> dict[int, int]:
    """Return where each bracket and quote that has a partner opens and closes.

    Args:
        text: Python source, cut at any place.

    Returns:
        Offset of the opener -> offset of its closer. Triple quotes, quotes that do not end on
        their line, and whatever stands in comments and strings are left out.
    """
    pairs: dict[int, int] = {}
    opened: list[tuple[str, int]] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character == "#":
            at = _line_end(text, at)
            continue
        if character in _QUOTES:
            at = _skip_string(text, at, pairs)
            continue
        if character in _CLOSERS:
            opened.append((_CLOSERS[character], at))
        elif opened and character == opened[-1][0]:
            pairs[opened.pop()[1]] = at
        at += 1
    return pairs


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _skip_string(text: str, start: int, pairs: dict[int, int]) -> int:
    """Return where the text goes on behind a string, and note its quotes if they are simple."""
    quote = text[start]
    if text.startswith(quote * 3, start):
        end = text.find(quote * 3, start + 3)
        return len(text) if end < 0 else end + 3
    at = start + 1
    while at < len(text) and text[at] != "\n":
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == quote:
            pairs[start] = at
            return at + 1
        at += 1
    return at
