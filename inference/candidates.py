"""Names one of which is likely next: what an imported module has to offer.

The caller knows them from a file that the network does not see. As long as the text goes on with
one of them, the tokens that do so count more; names are separated by commas.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

# V vocabulary

Floats: TypeAlias = npt.NDArray[np.float32]
# How many times as likely a token gets that goes on with a name. At 132 places behind
# `from x import` in repositories that are neither trained on nor held out, exact to the end of the
# line: 46.2 % without, 53.0 % with 10, 55.3 % with 30 and with 100; not one place was lost.
_FACTOR: Final = 30.0
_LOOKED_AT: Final = 64  # of the most likely tokens
_TYPED: Final = re.compile(r"\w*\Z")
_WORD: Final = re.compile(rb"[\w\x80-\xff]")


class Candidates:
    """The names for one generation.

    Args:
        names: which may come next.
        prefix: what stands before the cursor; it may end in the beginning of a name.
        token_bytes: what a token writes.
    """

    def __init__(
        self, names: Iterable[str], prefix: str, token_bytes: Callable[[int], bytes]
    ) -> None:
        typed = _TYPED.search(prefix)
        self._typed = typed.group().encode() if typed else b""
        self._names = [name.encode() for name in names]
        self._token_bytes = token_bytes

    def favour(self, probabilities: Floats, text: str, rewritten: bytes) -> None:
        """Raise the tokens that go on with a name, in place.

        Args:
            probabilities: ``[V]``.
            text: generated so far.
            rewritten: the end of the prefix that is still to be written again.
        """
        if not self._names:
            return
        begun = (self._typed + text.encode("utf-8", "replace")).rpartition(b",")[2].lstrip()
        names = [name for name in self._names if name.startswith(begun)]
        if not names:
            return
        looked_at = min(_LOOKED_AT, probabilities.size)
        top = np.argpartition(probabilities, -looked_at)[-looked_at:]
        favoured = [
            token
            for token in top
            if self._goes_on(begun, names, self._token_bytes(int(token)), rewritten)
        ]
        if favoured:
            probabilities[favoured] *= np.float32(_FACTOR)
            probabilities /= np.float32(probabilities.sum(dtype=np.float64))

    def _goes_on(self, begun: bytes, names: list[bytes], spelled: bytes, rewritten: bytes) -> bool:
        if rewritten.startswith(spelled) and spelled:
            return True  # nothing new yet
        if not spelled.startswith(rewritten):
            return False
        written = begun + spelled[len(rewritten) :]
        if not begun:
            written = written.lstrip()
        return any(
            name.startswith(written)
            or (written.startswith(name) and not _WORD.match(written, len(name)))
            for name in names
        )
