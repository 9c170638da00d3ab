"""Closing brackets, quotes and tags behind the cursor, which editors insert by themselves."""

import re
from typing import Final, NamedTuple

_CLOSER_OF: Final = {"(": ")", "[": "]", "{": "}"}
_CLOSERS: Final = frozenset(_CLOSER_OF.values())
_QUOTES: Final = frozenset("\"'`")
_TRAILING: Final = frozenset(":;,")
_END_TAG: Final = re.compile(r"</[\w.:-]*>")
_CLOSING: Final = re.compile(r"</[\w.:-]*>|[^\s:;,]")
_START_TAG: Final = re.compile(r"<([A-Za-z][\w.:-]*)")
_ARROWS: Final = ("-", "=")  # before a `>` that closes nothing
_VOID: Final = frozenset(
    {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
)


def only_closers(rest: str) -> bool:
    """Tell whether the rest of a line is blank or only closes what is open: `");` or `</p>`."""
    body = _END_TAG.sub("", rest).strip()
    if body[-1:] in _TRAILING:
        body = body[:-1].rstrip()
    return all(
        character in _CLOSERS or character in _QUOTES or character == ">" or character.isspace()
        for character in body
    )


def hidden_closers(suffix: str) -> str:
    """Return the beginning of `suffix` that the model is not shown.

    Closers at the cursor come and go with what is typed before them, mostly by the editor's own
    hand. The model writes them itself, and they are absorbed. Three quotes are not: they may be
    the end of a text of many lines as well as its beginning.
    """
    rest = suffix.partition("\n")[0]
    body = rest.strip()
    if body[:1] in _QUOTES:
        is_closer = body[1:2] != body[:1]
    else:
        is_closer = body[:1] in _CLOSERS or _END_TAG.match(body) is not None
    return rest if body and is_closer and only_closers(rest) else ""


def unmatched_closers(text: str, rest: str = "") -> list[tuple[int, str]]:
    """Return what `text` closes that it did not open itself, and where each of these ends.

    Args:
        text: code that is inserted somewhere.
        rest: what stands behind it. A quote that is to be closed next is open where `text` is;
            `>` counts as a bracket, and so do tags, only if it has them.
    """
    unmatched: list[tuple[int, str]] = []
    closing = _CLOSING.findall(rest)
    tags, angles = "</" in rest, ">" in rest
    expected: list[str] = []  # the closers of what `text` opens
    start = 0
    while start < len(text):
        wanted = closing[len(unmatched)] if len(unmatched) < len(closing) else ""
        if wanted in _QUOTES and not expected:
            start = _string_end(text, start, wanted)
            if start <= len(text):
                unmatched.append((start, wanted))
            continue
        piece = _tag(text, start) if tags else None
        piece = piece or _piece(text, start, strings=not tags, angles=angles)
        start = piece.end
        expected += piece.opens
        if piece.closes and not expected:
            unmatched.append((start, piece.closes))
        elif piece.closes and piece.closes == expected[-1]:
            expected.pop()
            no_end_tag = expected and (not expected[-1] or text[start - 2] == "/")
            if piece.closes == ">" and tags and no_end_tag:
                expected.pop()
    return unmatched


class _Piece(NamedTuple):
    """A piece of code, with the closers of what it opens, the innermost last."""

    end: int
    opens: tuple[str, ...] = ()
    closes: str = ""


def _tag(text: str, start: int) -> _Piece | None:
    if (tag := _END_TAG.match(text, start)) is not None:
        return _Piece(tag.end(), closes=tag.group())
    if (tag := _START_TAG.match(text, start)) is not None:
        name = tag.group(1)
        return _Piece(tag.end(), opens=("" if name in _VOID else f"</{name}>", ">"))
    return None


def _piece(text: str, start: int, *, strings: bool, angles: bool) -> _Piece:
    character = text[start]
    end = start + 1
    if character in _QUOTES and strings:
        return _Piece(_string_end(text, end, character))
    if character in _CLOSER_OF:
        return _Piece(end, opens=(_CLOSER_OF[character],))
    if character == "<" and angles:
        return _Piece(end, opens=(">",))
    closes_angle = character == ">" and angles and not text[:start].endswith(_ARROWS)
    return _Piece(end, closes=character if character in _CLOSERS or closes_angle else "")


def _string_end(text: str, start: int, quote: str) -> int:
    """Return where a string's closing quote ends, past the end of `text` if it does not."""
    while start < len(text):
        if text[start] == quote:
            return start + 1
        start += 2 if text[start] == "\\" else 1
    return len(text) + 1


def absorbed_closers(text: str, rest: str) -> int:
    """Return how many characters of `rest`, from the cursor on, `text` writes again.

    Args:
        text: what is inserted at the cursor.
        rest: what stands behind the cursor on its line.

    Example: for `x, y):` before `)` the answer is 1; for `f(x)` before `)` it is 0, since that
    bracket closes the suggestion's own.
    """
    written = unmatched_closers(text, rest)
    absorbed = 0
    position = 0
    used = 0
    while position < len(rest):
        if rest[position].isspace():
            position += 1
            continue
        if used < len(written) and rest.startswith(written[used][1], position):
            position += len(written[used][1])
            used += 1
        elif (
            used
            and rest[position] in _TRAILING
            and text[written[used - 1][0] :].lstrip().startswith(rest[position])
        ):
            position += 1
        else:
            break
        absorbed = position
    return absorbed
