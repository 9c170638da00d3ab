"""Where a generation might have gone on otherwise, most promising first.

The likeliest token need not lead to the likeliest line: what follows it may spread. A line is as
likely as the product of its tokens, so a way that is already less likely than a whole line never
becomes the better one. What is left is searched, the likeliest first.
On 600 places of repositories that are neither trained on nor used for figures, exact to the end of
the line with 0, 1, 2 and 4 further ways: 11.0, 13.3, 13.7 and 14.0 % from its start, 32.3, 34.0,
36.0 and 36.0 % from mid-line (workspace expert included, the line in no other file).
"""

import math
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.line_ends import LineEnds
from inference.sampling import Hint
from inference.writing import Way

# V vocabulary

Floats: TypeAlias = npt.NDArray[np.float32]
MOST_WAYS: Final = 4  # besides the greedy one
_MOST_TOKENS: Final = 3  # that are remembered of one position
_LEAST: Final = 0.01  # probability of these


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """A token that a way takes, or might take."""

    token: int
    logprob: float  # nats
    line_logprob: float  # of all tokens that end the line in the same way, else the same
    drafted: bool  # whether the workspace expert foretold it


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """A token that was not chosen."""

    way: Way  # up to the token; not to be changed
    num_tokens: int  # that the cache held there
    pick: Pick

    @property
    def logprob(self) -> float:
        """Nats, of the way with this token."""
        return self.way.logprob + self.pick.line_logprob


class Frontier:
    """All tokens of a generation that were likely and not chosen."""

    def __init__(self) -> None:
        self._forks: list[Fork] = []

    def add(
        self,
        way: Way,
        num_tokens: int,
        probabilities: Floats,
        chosen: Pick,
        hint: Hint | None,
        ends: LineEnds,
    ) -> Pick:
        """Remember the likeliest tokens of one position, and return the chosen one.

        Args:
            way: before anything was chosen there.
            num_tokens: that the cache holds.
            probabilities: ``[V]``.
            chosen: what the way takes; its `line_logprob` is filled in.
            hint: of the workspace expert.
            ends: tokens that end the line in the same way count as one.
        """
        (likely,) = np.nonzero(probabilities >= _LEAST)
        seen = {ends.equal.get(chosen.token, chosen.token)}
        kept: Way | None = None
        for token in map(int, likely[np.argsort(-probabilities[likely], kind="stable")]):
            same = ends.equal.get(token, token)
            if same in seen or len(seen) > _MOST_TOKENS:
                continue
            seen.add(same)
            kept = kept or way.fork()
            pick = Pick(
                token=token,
                logprob=_log(float(probabilities[token])),
                line_logprob=_log(ends.mass(probabilities, token)),
                drafted=hint is not None and token in hint.tokens,
            )
            self._forks.append(Fork(way=kept, num_tokens=num_tokens, pick=pick))
        return replace(chosen, line_logprob=_log(ends.mass(probabilities, chosen.token)))

    def pop(self, least: float) -> Fork | None:
        """Return the likeliest fork, if it is likelier than `least`, and forget it."""
        best = max(self._forks, key=lambda fork: fork.logprob, default=None)
        if best is None or best.logprob <= least:
            return None
        self._forks.remove(best)
        return best


def _log(probability: float) -> float:
    return min(0.0, math.log(max(probability, 1e-45)))
