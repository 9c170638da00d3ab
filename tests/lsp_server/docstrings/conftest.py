"""What tests of docstrings share."""

from collections.abc import Iterable

from lsp_server.docstrings.wording import stem, words_of

_NO_WORDS = frozenset({"a", "an", "the", "of", "for", "it", "is", "its"})


def own_words(text: str, names: Iterable[str]) -> set[str]:
    """Return the words of a description that are none of the names' own, articles left out."""
    known = {stem(word) for name in names for word in words_of(name)}
    return {word for word in words_of(text) if word not in _NO_WORDS and stem(word) not in known}
