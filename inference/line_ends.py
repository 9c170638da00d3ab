"""Tokens that are one and the same answer where only the rest of a line is asked for.

A line ends with a stop token, with a line break, with a line break and the next line's indentation,
or with a token that holds a bracket and all of this. What stands behind the break is cut off, so
these are one choice, and their probabilities belong together.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

# V vocabulary

Floats: TypeAlias = npt.NDArray[np.float32]
Ids: TypeAlias = npt.NDArray[np.intp]
_BREAK: Final = re.compile(rb"[\r\n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEnds:
    """For each token that has a better known equal, that one."""

    equal: Mapping[int, int]
    tokens: Ids
    equals: Ids

    @classmethod
    def among(cls, spelled: Iterable[tuple[bytes, int]], stop_ids: frozenset[int]) -> Self:
        """Find them among tokens and what each adds to the text; the shortest stands for all."""
        groups: dict[bytes, list[tuple[int, int]]] = {}
        for text, token in spelled:
            found = _BREAK.search(text)
            if found is not None and token not in stop_ids:
                stem = text[: found.start()].rstrip()
                groups.setdefault(stem, []).append((len(text), token))
        equal: dict[int, int] = {}
        for stem, members in groups.items():
            _, best = min(members)
            equal |= {token: best for _, token in members if token != best}
            if not stem:
                equal |= dict.fromkeys(stop_ids, best)
        return cls(
            equal=equal,
            tokens=np.fromiter(equal.keys(), dtype=np.intp, count=len(equal)),
            equals=np.fromiter(equal.values(), dtype=np.intp, count=len(equal)),
        )

    def merge(self, probabilities: Floats) -> None:
        """Give the probabilities ``[V]`` of equals to the one that stands for them, in place."""
        np.add.at(probabilities, self.equals, probabilities[self.tokens])
        probabilities[self.tokens] = 0.0

    def mass(self, probabilities: Floats, token: int) -> float:
        """Return the probability of a token and its equals together, of ``[V]`` not merged."""
        best = self.equal.get(token, token)
        members = self.tokens[self.equals == best]
        return float(probabilities[best]) + float(probabilities[members].sum())


NO_LINE_ENDS: Final = LineEnds.among([], frozenset())  # where line breaks belong to the answer
