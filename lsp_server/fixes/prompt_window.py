"""How much of a file the model sees when it compares or writes fixes: less than for ghost text.

Fixes are many and short, and what decides between them stands near; the fix task was trained on
windows of about this size.
"""

from typing import Final

_BEFORE_CHARACTERS: Final = 3000
_BEHIND_CHARACTERS: Final = 1500


def tail(text: str) -> str:
    """Return the end of a text, from a line's beginning."""
    start = max(0, len(text) - _BEFORE_CHARACTERS)
    return text if not start else text[text.find("\n", start) + 1 :]


def head(text: str) -> str:
    """Return the beginning of a text, to a line's end."""
    if len(text) <= _BEHIND_CHARACTERS:
        return text
    end = text.rfind("\n", 1, _BEHIND_CHARACTERS)
    return text[: end + 1 if end > 0 else _BEHIND_CHARACTERS]
