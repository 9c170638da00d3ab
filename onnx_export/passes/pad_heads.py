"""Widen attention heads with zeros to a size that both attention operators take.

GroupQueryAttention applies RoPE to pairs (i, i + D/2) and only if D is a multiple of 16, as
CachedAttention does. A head of D dims becomes one of P: its first half stands at the start of the
first half of P, its second half at the start of the second, zeros fill the rest. Scores and outputs
stay the same, exactly but for rounding of the norm's factor.
"""

# H heads, D head dim, P padded head dim

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

MULTIPLE: Final = 16  # of a head dim, by CachedAttention and by GroupQueryAttention with do_rotary
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPadding:
    """Moves head dims of ``head_dim`` into ``padded``."""

    head_dim: int

    @property
    def padded(self) -> int:
        """Head dim of the graph and of its KV cache."""
        return -(-self.head_dim // MULTIPLE) * MULTIPLE

    def rows(self, w: Floats) -> Floats:
        """Widen a projection's outputs: ``[H * D, K] -> [H * P, K]``."""
        if self.padded == self.head_dim:
            return w
        by_head = w.reshape(-1, self.head_dim, w.shape[1])
        wide = np.zeros((by_head.shape[0], self.padded, w.shape[1]), np.float32)
        wide[:, self._places()] = by_head
        return wide.reshape(-1, w.shape[1])

    def columns(self, w: Floats) -> Floats:
        """Widen a projection's inputs: ``[N, H * D] -> [N, H * P]``."""
        return self.rows(np.ascontiguousarray(w.T)).T

    def without_padding(self, w: Floats) -> Floats:
        """Undo `columns`: ``[N, H * P] -> [N, H * D]``."""
        return w.reshape(w.shape[0], -1, self.padded)[..., self._places()].reshape(w.shape[0], -1)

    def vector(self, values: Floats) -> Floats:
        """Widen one number per dim, a bias or a norm's weight: ``[H * D] -> [H * P]``."""
        return self.rows(values[:, None])[:, 0]

    def norm(self, weight: Floats) -> Floats:
        """Widen a norm's weight, of one head or of all at once: ``[H * D] -> [H * P]``.

        The mean of squares runs over H * P dims then, so it is D / P of what it was, and so is the
        epsilon of `epsilon`; the weight takes the square root of that back.
        """
        if self.padded == self.head_dim:
            return weight
        return self.vector(weight) * np.float32(np.sqrt(self.head_dim / self.padded))

    def epsilon(self, epsilon: float) -> float:
        """Return the norm's epsilon for the mean over P dims."""
        return epsilon * self.head_dim / self.padded

    def angles(self, table: Floats, filler: float) -> Floats:
        """Widen cosines or sines ``[positions, D / 2] -> [positions, P / 2]``."""
        missing = (self.padded - self.head_dim) // 2
        return np.pad(table, ((0, 0), (0, missing)), constant_values=filler)

    def _places(self) -> npt.NDArray[np.intp]:
        """Return where each of the D dims stands among the P."""
        half = self.head_dim // 2
        first = np.arange(half)
        return np.concatenate([first, self.padded // 2 + first])
