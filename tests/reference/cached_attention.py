"""CachedAttention in numpy, in double precision: one token, one head, one softmax at a time.

Rotation is in f32, as the operator's, so that an int8 cache is rounded to the same side.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# T tokens, H heads, G key/value heads, D head dim, P past positions, R pairs that turn

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
BLOCK = 32  # values of the int8 cache that share one scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """The attributes, and the tensors that are the same in every call."""

    num_heads: int
    kv_heads: int
    head_dim: int
    scale: float
    window: int = 0
    int8: bool = False
    cosines: Floats | None = None  # [positions, R]
    sines: Floats | None = None
    sinks: Floats | None = None  # [H]

    def keys(self, key: Floats, past: int) -> Doubles:
        """Return what the cache holds of keys ``[T, G * D]`` behind ``past`` others: [T, G, D]."""
        heads = self._rotated(key, self.kv_heads, past)
        return round_blocks(heads) if self.int8 else heads

    def values(self, value: Floats) -> Doubles:
        """Return what the cache holds of values ``[T, G * D]``: [T, G, D]."""
        heads = value.astype(np.float64).reshape(-1, self.kv_heads, self.head_dim)
        return round_blocks(heads) if self.int8 else heads

    def attend(self, query: Floats, keys: Doubles, values: Doubles) -> Doubles:
        """Return y ``[T, H * D]`` for the last T of the cache's positions."""
        tokens = len(query)
        past = len(keys) - tokens
        queries = self._rotated(query, self.num_heads, past)
        y = np.zeros_like(queries)
        group = self.num_heads // self.kv_heads
        for token in range(tokens):
            end = past + token + 1
            begin = max(0, end - self.window) if self.window else 0
            for head in range(self.num_heads):
                seen_keys = keys[begin:end, head // group]
                weights = self._softmax(seen_keys @ queries[token, head] * self.scale, head)
                y[token, head] = weights @ values[begin:end, head // group]
        return y.reshape(tokens, -1)

    def _rotated(self, x: Floats, heads: int, past: int) -> Doubles:
        x = x.reshape(-1, heads, self.head_dim).copy()
        if self.cosines is None or self.sines is None:
            return x.astype(np.float64)
        pairs = self.cosines.shape[1]
        cosines = self.cosines[past : past + len(x), None]
        sines = self.sines[past : past + len(x), None]
        first, second = x[..., :pairs].copy(), x[..., pairs : 2 * pairs].copy()
        x[..., :pairs] = first * cosines - second * sines
        x[..., pairs : 2 * pairs] = second * cosines + first * sines
        return x.astype(np.float64)

    def _softmax(self, scores: Doubles, head: int) -> Doubles:
        """Softmax over the scores and the head's sink, which has no value."""
        sink = -np.inf if self.sinks is None else float(self.sinks[head])
        peak = max(float(scores.max()), sink)
        weights = np.exp(scores - peak)
        return np.asarray(weights / (weights.sum() + np.exp(sink - peak)))


def round_blocks(x: Doubles) -> Doubles:
    """Round the last axis in blocks of 32 to multiples of max|x| / 127, ties to even."""
    blocks = x.reshape(*x.shape[:-1], -1, BLOCK)
    step = np.abs(blocks).max(axis=-1, keepdims=True) / 127
    q = np.rint(blocks / np.where(step == 0, np.inf, step))
    return np.asarray((q * step).reshape(x.shape))
