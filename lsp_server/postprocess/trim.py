"""Cuts what no editor should insert: blank ends, broken characters, lines too many."""

from lsp_server.postprocess.reject import RejectReason

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_FIRST_PRINTABLE = " "
_DELETE = "\x7f"


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
    if _REPLACEMENT in text or any(map(_is_control, text)):
        return RejectReason.UNPRINTABLE
    return text


def complete_lines(text: str) -> str:
    """Return the part of a text still being written that will not change: its whole lines."""
    return text[: text.rfind("\n") + 1]


def _first_line(text: str) -> str:
    """Return the first line that says something, with the line ends before it."""
    body = text.lstrip("\n")
    return text[: len(text) - len(body)] + body.split("\n", 1)[0]


def _is_control(character: str) -> bool:
    return (character < _FIRST_PRINTABLE and character not in "\n\t") or character == _DELETE
