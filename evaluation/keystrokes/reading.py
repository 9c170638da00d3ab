"""What a typist who has read a suggestion does with it: accept all of it, a part, or none.

Editors accept a suggestion with one key, its next line with another (Shift+Tab in llama.vim, a
command of VS Code), and its next word with a third (Ctrl+Right in VS Code and in JetBrains'
editors), so a suggestion whose beginning is right is worth that much.
"""

import re
from dataclasses import dataclass
from typing import Final

from evaluation.keystrokes.assistant import Suggestion
from evaluation.keystrokes.typist import Typist

_LEAST_SAVED: Final = 1  # keys: for less nobody reaches for the tabulator key,
_LEAST_SAVED_IN_PART: Final = 3  # and counting words takes more thought
_LINE: Final = re.compile(r"\n?[^\n]+(?=\n)")
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
    keys, length = _right_part(typist, suggestion.text)
    saved = typist.keys_for(length) - keys
    if saved < _LEAST_SAVED_IN_PART:
        return None
    text = suggestion.text[:length]
    return Acceptance(text=text, absorbed=0, keys=keys, saved=saved, whole=False)


def _right_part(typist: Typist, text: str) -> tuple[int, int]:
    """Return how many lines and words at a suggestion's beginning are right, and where they end.

    What the editor has closed behind the cursor stays there while parts are accepted, so they end
    before it.
    """
    keys, end = 0, 0
    for piece in (_LINE, _WORD):
        while (found := piece.match(text, end)) and typist.agrees(text[: found.end()], 0):
            keys, end = keys + 1, found.end()
    return keys, end
