"""Words of names and sentences: whether a description says more than the code's own names."""

import re
from collections.abc import Iterable
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+|\d+")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CODE: Final = re.compile(r"`([^`]+)`")
_ENDINGS: Final = ("ing", "ies", "es", "ed", "s", "e", "y")
_SHORTEST_STEM: Final = 3
# Words that say nothing by themselves.
_EMPTY: Final = frozenset(
    """a an and any are as at be by for from given has have if in into instance is it its of on or
    that the these this those to used value values which with your parameter parameters argument
    arguments object objects variable variables return returns returned type types optional default
    function method class whether when""".split()  # noqa: SIM905 - a list of words, not of strings
)


def words_of(name: str) -> list[str]:
    """Return the words of an identifier, in small letters."""
    return [word.lower() for part in _WORD.findall(name) for word in _HUMP.split(part) if word]


def stem(word: str) -> str:
    """Return a word without its ending."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word


def says_something(text: str, names: Iterable[str]) -> bool:
    """Tell whether a description has a word besides those of the names that it describes.

    Args:
        text: the description.
        names: of the parameter, its type, its function; any source text.
    """
    known = {stem(word) for name in names for word in words_of(name)}
    quoted = [word for piece in _CODE.findall(text) for word in words_of(piece)]
    return any(stem(word) not in known for word in (*telling_words(text), *quoted))


def telling_words(text: str) -> list[str]:
    """Return the words of a text that mean something by themselves."""
    return [word for word in words_of(text) if word not in _EMPTY and len(word) > 1]


def code(text: str) -> str | None:
    """Return source marked as code, None if it cannot stand in a docstring as it is."""
    is_plain = text.isprintable() and not any(sign in text for sign in ("`", "\\", '"""', "'''"))
    return f"`{text}`" if text and is_plain else None


def listed(parts: Iterable[str], joint: str = "and") -> str:
    """Return parts as an enumeration."""
    *first, last = [*parts]
    return f"{', '.join(first)} {joint} {last}" if first else last
