"""The text behind the cursor as the prompt shows it: an older one, as long as it is true enough.

With the suffix first, a prompt is new from its beginning when anything behind the cursor changes:
when the cursor moves to another line, too. A model does not mind if a few of the lines behind the
cursor are missing, and little if the last lines before it stand there once more. So the suffix of
the last prompt is shown again while no more than that is wrong with it.
"""

from difflib import SequenceMatcher
from typing import Final

_LOOKED_AT: Final = 40  # lines
# Exact to the end of the line on 500 places, the network alone (mixline-mini-17m), against the true
# suffix: 1 or 3 lines missing +0.0 (-1.1 to +1.1) and +0.4 points (-1.0 to +1.8); 1 or 3 lines too
# many -1.0 (-2.0 to +0.0) and -1.6 (-2.9 to -0.3).
_MOST_MISSING: Final = 4
_MOST_TOO_MANY: Final = 2
_REMEMBERED: Final = 3  # of a document: as many as it has slots in the KV cache
_LEAST_SHARE: Final = 0.75  # of the lines looked at must be there


class ShownSuffixes:
    """Remembers what stood behind each document's cursor in its last prompts."""

    def __init__(self) -> None:
        self._shown: dict[str, list[str]] = {}  # the last one first

    def show(self, uri: str, suffix: str) -> str:
        """Return what to show for a suffix: itself, or one that was shown before."""
        known = self._shown.setdefault(uri, [])
        shown = next((old for old in known if is_true_enough(old, suffix)), None)
        if shown is None:
            return self.renew(uri, suffix)
        known.remove(shown)
        known.insert(0, shown)
        return shown

    def renew(self, uri: str, suffix: str) -> str:
        """Show a suffix as it is, from now on."""
        others = [old for old in self._shown.get(uri, []) if not is_true_enough(old, suffix)]
        self._shown[uri] = [suffix, *others][:_REMEMBERED]
        return suffix

    def forget(self, uri: str) -> None:
        """Drop what was shown of a document."""
        self._shown.pop(uri, None)


def is_true_enough(shown: str, suffix: str) -> bool:
    """Tell whether a prompt may show `shown` where the text behind the cursor is `suffix`.

    The rest of the cursor's line must be the same.
    """
    if shown == suffix:
        return True
    rest, _, below = suffix.partition("\n")
    shown_rest, _, shown_below = shown.partition("\n")
    if rest != shown_rest or not below.strip():
        return False
    lines = below.split("\n", _LOOKED_AT)[:_LOOKED_AT]
    old = shown_below.split("\n", 2 * _LOOKED_AT)[: 2 * _LOOKED_AT]
    *blocks, _ = SequenceMatcher(None, old, lines, autojunk=False).get_matching_blocks()
    found = sum(block.size for block in blocks)
    if found < _LEAST_SHARE * len(lines):
        return False
    looked_at = blocks[-1].a + blocks[-1].size
    return len(lines) - found <= _MOST_MISSING and looked_at - found <= _MOST_TOO_MANY
