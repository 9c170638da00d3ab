"""What a generation has written of a line, and how unlikely each token was to the network alone.

A place of the workspace that has foretold these tokens has proved itself, the more so the less the
network expected them.
"""

from dataclasses import dataclass
from typing import Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

# N places

Counts: TypeAlias = npt.NDArray[np.int32]
_LEAST: Final = 1e-4  # a probability counts as at least so much


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The tokens of one line; `and_then` gives the record that holds one more."""

    # Characters written when the line began and behind each token; sums up to there.
    lengths: tuple[int, ...] = (0,)
    centinats: tuple[int, ...] = (0,)

    @property
    def tokens(self) -> int:
        """How many there are."""
        return len(self.lengths) - 1

    def and_then(self, length: int, centinats: int) -> Self:
        """Add a token.

        Args:
            length: characters written with it.
            centinats: see `centinats_of`.
        """
        return type(self)(
            lengths=(*self.lengths, length),
            centinats=(*self.centinats, self.centinats[-1] + centinats),
        )

    def covered(self, matched: Counts) -> tuple[Counts, Counts]:
        """Return how many of the last tokens lie within the last characters, and their centinats.

        Args:
            matched: characters ``[N]`` before the end of what is written.
        """
        first = np.searchsorted(self.lengths, self.lengths[-1] - matched)
        sums = np.asarray(self.centinats, dtype=np.int32)
        tokens: Counts = (self.tokens - first).astype(np.int32)
        return tokens, sums[-1] - sums[first]


def centinats_of(probability: float) -> int:
    """Return how unlikely something was, in hundredths of nats, at most 921."""
    return round(-100 * float(np.log(max(probability, _LEAST))))
