"""Closing brackets and quotes behind the cursor, which editors insert before they are typed."""

_CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
_CLOSERS = frozenset(_CLOSER_OF.values())
_QUOTES = frozenset("\"'`")
_TRAILING = frozenset(":;,")


def only_closers(rest: str) -> bool:
    """Tell whether the rest of a line is blank or only closes what is open, as in `");`."""
    body = rest.strip()
    if body[-1:] in _TRAILING:
        body = body[:-1].rstrip()
    return all(
        character in _CLOSERS or character in _QUOTES or character == ">" or character.isspace()
        for character in body
    )


def unmatched_closers(text: str, first_quote: str = "") -> list[tuple[int, str]]:
    """Return where `text` closes brackets or a string that it did not open itself.

    Args:
        text: code that is inserted somewhere.
        first_quote: the quote that is open where the text begins, if any.
    """
    unmatched: list[tuple[int, str]] = []
    start = 0
    if first_quote:
        start = _string_end(text, 0, first_quote)
        if start > len(text):
            return []
        unmatched.append((start - 1, first_quote))
    expected: list[str] = []  # the closers of the brackets that `text` opens
    while start < len(text):
        character = text[start]
        if character in _QUOTES:
            start = _string_end(text, start + 1, character)
            continue
        if character in _CLOSER_OF:
            expected.append(_CLOSER_OF[character])
        elif character in _CLOSERS and not expected:
            unmatched.append((start, character))
        elif expected and character == expected[-1]:
            expected.pop()
        start += 1
    return unmatched


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
    first_quote = rest[0] if rest[:1] in _QUOTES and rest else ""
    written = unmatched_closers(text, first_quote)
    absorbed = 0
    position = 0
    used = 0
    while position < len(rest):
        character = rest[position]
        if character.isspace():
            position += 1
            continue
        if used < len(written) and written[used][1] == character:
            used += 1
        elif not (
            used
            and character in _TRAILING
            and text[written[used - 1][0] + 1 :].lstrip().startswith(character)
        ):
            break
        position += 1
        absorbed = position
    return absorbed
