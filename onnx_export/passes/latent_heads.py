"""Rearrange the matrices of latent attention (MLA) to ordinary heads of one size.

A head of the graph is the R dimensions that turn, then the N that do not, then zeros up to P; a
value is its V dimensions and zeros. The checkpoint turns neighbours (0, 1), (2, 3), ..., the
operator dimensions i and i + R / 2, so the even ones come first.
"""

# H heads, R dimensions that turn, N that do not, V of a value, P of the graph, L latent

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentHeads:
    """Sizes of the checkpoint's heads, and of the graph's."""

    heads: int
    rope: int
    nope: int
    value: int
    padded: int

    def query_rows(self, w: Floats) -> Floats:
        """``[H * (N + R), K] -> [H * P, K]``."""
        by_head = w.reshape(self.heads, self.nope + self.rope, w.shape[1])
        still, turning = np.split(by_head, [self.nope], axis=1)
        joined = np.concatenate([turning[:, self._order()], still], axis=1)
        return self._widened(joined, self.padded).reshape(-1, w.shape[1])

    def turning_rows(self, w: Floats) -> Floats:
        """Put the last R of ``[L + R, K]`` in order."""
        latent, turning = np.split(w, [len(w) - self.rope])
        return np.concatenate([latent, turning[self._order()]])

    def key_value_rows(self, w: Floats) -> tuple[Floats, Floats]:
        """``[H * (N + V), L] -> [H * (P - R), L], [H * P, L]``: what does not turn, and values."""
        by_head = w.reshape(self.heads, self.nope + self.value, w.shape[1])
        keys, values = np.split(by_head, [self.nope], axis=1)
        return (
            self._widened(keys, self.padded - self.rope).reshape(-1, w.shape[1]),
            self._widened(values, self.padded).reshape(-1, w.shape[1]),
        )

    def output_columns(self, w: Floats) -> Floats:
        """``[outputs, H * V] -> [outputs, H * P]``."""
        by_head = w.reshape(len(w), self.heads, self.value)
        missing = self.padded - self.value
        return np.pad(by_head, ((0, 0), (0, 0), (0, missing))).reshape(len(w), -1)

    def without_padding(self, w: Floats) -> Floats:
        """Undo `output_columns`."""
        by_head = w.reshape(len(w), self.heads, self.padded)
        return by_head[..., : self.value].reshape(len(w), -1)

    def _order(self) -> npt.NDArray[np.intp]:
        return np.concatenate([np.arange(0, self.rope, 2), np.arange(1, self.rope, 2)])

    @staticmethod
    def _widened(by_head: Floats, size: int) -> Floats:
        return np.pad(by_head, ((0, 0), (0, size - by_head.shape[1]), (0, 0)))
