"""llama.vim's chunks of other places that stand before the prompt."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CHUNK_LINES: Final = 64
_MOST_CHUNKS: Final = 16
_FEWEST_LINES: Final = 3
_SAME: Final = 0.9
_LIKE_THE_CONTEXT: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some lines of a file."""

    path: str
    lines: tuple[str, ...]


class Ring:
    """The chunks of one editor; the oldest leaves first."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.chunks: list[Chunk] = []

    def pick(self, path: str, lines: Sequence[str]) -> None:
        """Take half a chunk from anywhere in the lines of a file; nearly equal ones leave."""
        if len(lines) < _FEWEST_LINES:
            return
        chunk = Chunk(path=path, lines=self._part(lines))
        if chunk not in self.chunks:
            others = [other for other in self.chunks if similarity(other, chunk) <= _SAME]
            self.chunks = [*others[-_MOST_CHUNKS + 1 :], chunk]

    def drop_like(self, path: str, lines: Sequence[str]) -> None:
        """Drop chunks that resemble what stands at the cursor: they invite repetition."""
        here = Chunk(path=path, lines=self._part(lines))
        self.chunks = [c for c in self.chunks if similarity(c, here) <= _LIKE_THE_CONTEXT]

    def _part(self, lines: Sequence[str]) -> tuple[str, ...]:
        half = CHUNK_LINES // 2
        start = self._chance.randint(0, max(0, len(lines) - half))
        return tuple(lines[start : start + half])


def similarity(one: Chunk, other: Chunk) -> float:
    """Return twice the lines that both have over the lines of both: 0 to 1."""
    common = sum(line in other.lines for line in one.lines)
    return 2 * common / max(1, len(one.lines) + len(other.lines))
