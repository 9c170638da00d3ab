"""How many tokens of a prompt to run at once: as many as keep a cancellation quick."""

from typing import Final

_TARGET_S: Final = 0.05  # a cancel waits for at most about one chunk
_FIRST_TOKENS: Final = 64  # before anything was measured
_FEWEST_TOKENS: Final = 16  # fewer would read every weight for next to no work
_GROWTH: Final = 4  # at most so many times the chunk before: one fast run may be luck


class ChunkPacer:
    """Chooses the next chunk from how long the last ones took; kept as long as the model."""

    def __init__(self, most_tokens: int) -> None:
        """Start carefully.

        Args:
            most_tokens: the largest chunk, bounded by the scratch memory that it takes.
        """
        self._most = most_tokens
        self._tokens = min(_FIRST_TOKENS, most_tokens)

    @property
    def num_tokens(self) -> int:
        """Tokens of the next chunk."""
        return self._tokens

    def observe(self, num_tokens: int, seconds: float) -> None:
        """Learn from a chunk; a small one says too little about a large one."""
        if num_tokens < min(_FEWEST_TOKENS, self._most):
            return
        fitting = int(num_tokens * _TARGET_S / max(seconds, 1e-6))
        fitting = min(fitting, num_tokens * _GROWTH)
        self._tokens = max(min(fitting, self._most), min(_FEWEST_TOKENS, self._most))
