"""Cuts what no editor should insert: blank ends, broken or hidden characters, lines too many."""

import unicodedata
from typing import Final

from lsp_server.postprocess.reject import RejectReason

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_VISIBLE_CONTROLS: Final = "\n\t"
# Controls, formats (zero-width and direction marks), surrogates, private use, unassigned, line and
# paragraph separators: what a reader of the code would not see.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def trim(text: str, *, single_line: bool, at_line_end: bool) -> str | RejectReason:
    """Return the text without its blank end, which is kept only before words of the same line.

    A replacement character at the very end is a character whose last bytes were not generated.
    """
    if not text:
        return RejectReason.EMPTY
    text = text.rstrip(_REPLACEMENT)
    if single_line:
        text = _first_line(text)
    if not text.strip():
        return RejectReason.BLANK
    if at_line_end:
        text = text.rstrip()
    if _REPLACEMENT in text or any(map(is_invisible, text)):
        return RejectReason.UNPRINTABLE
    return text


def complete_lines(text: str) -> str:
    """Return the part of a text still being written that will not change: its whole lines."""
    return text[: text.rfind("\n") + 1]


def is_invisible(character: str) -> bool:
    """Tell whether a character would stand in the file without being seen; blanks are not meant."""
    return character not in _VISIBLE_CONTROLS and unicodedata.category(character) in _INVISIBLE


def _first_line(text: str) -> str:
    """Return the first line that says something, with the line ends before it."""
    body = text.lstrip("\n")
    return text[: len(text) - len(body)] + body.split("\n", 1)[0]
