"""What a typist who has read a suggestion does with it: accept all of it, its first words, or none.

Editors accept a suggestion with one key, and its next word with another (Ctrl+Right in VS Code and
in JetBrains' editors), so a suggestion whose beginning is right is worth that much.
"""

import re
from dataclasses import dataclass
from typing import Final

from evaluation.keystrokes.assistant import Suggestion
from evaluation.keystrokes.typist import Typist

_LEAST_SAVED: Final = 1  # keys: for less nobody reaches for the tabulator key,
_LEAST_SAVED_BY_WORDS: Final = 3  # and counting words takes more thought
_WORD: Final = re.compile(r"\s*(?:\w+|[^\w\s]+)|\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What the typist takes of a suggestion."""

    text: str
    absorbed: int
    keys: int  # pressed for it
    saved: int  # keys that typing the text would have taken, less these
    whole: bool


def acceptance(typist: Typist, suggestion: Suggestion) -> Acceptance | None:
    """Return what is worth accepting, None if nothing is."""
    if typist.agrees(suggestion.text, suggestion.absorbed):
        saved = typist.keys_for(len(suggestion.text)) - 1
        if saved < _LEAST_SAVED:
            return None
        return Acceptance(
            text=suggestion.text, absorbed=suggestion.absorbed, keys=1, saved=saved, whole=True
        )
    words, length = _right_words(typist, suggestion.text)
    text = suggestion.text[:length]
    saved = typist.keys_for(length) - words
    if saved < _LEAST_SAVED_BY_WORDS:
        return None
    return Acceptance(text=text, absorbed=0, keys=words, saved=saved, whole=False)


def _right_words(typist: Typist, text: str) -> tuple[int, int]:
    """Return how many words at a suggestion's beginning are right, and where they end.

    What the editor has closed behind the cursor stays there while words are accepted, so they end
    before it.
    """
    words, end = 0, 0
    for word in _WORD.finditer(text):
        if not typist.agrees(text[: word.end()], 0):
            break
        words, end = words + 1, word.end()
    return words, end
