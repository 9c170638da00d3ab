"""Rotary position embedding: frequencies of the plain and the scaled kinds, tables of angles.

Everything is rounded to f32 where transformers rounds. A frequency that is one step off in f32
turns a head at position 100,000 by up to 0.006 more.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

# R pairs of dimensions that turn, S positions

Floats: TypeAlias = npt.NDArray[np.float32]
RopeKind: TypeAlias = Literal["default", "linear", "yarn", "llama3"]

_NO_WIDTH: Final = 0.001  # of a ramp whose ends coincide


@dataclass(frozen=True, slots=True, kw_only=True)
class Rope:
    """How queries and keys turn with their position."""

    theta: float
    """Base of the frequencies."""
    dims: int
    """Dimensions of a head that turn, the first ones; even."""
    kind: RopeKind = "default"
    factor: float = 1.0
    """By how much low frequencies are slowed down; all of them if linear."""
    original_context: int = 0
    """Tokens that the model had been trained on before; yarn and llama3."""
    low: float = 0.0
    """Turns within the original context below which a pair counts as slow."""
    high: float = 0.0
    """Turns from which it counts as fast and keeps its frequency."""
    truncate: bool = True
    """Yarn: the ramp between slow and fast begins and ends at whole pairs."""
    attention_factor: float = 1.0
    """Multiplies cosines and sines."""

    def frequencies(self) -> Floats:
        """Return what each pair turns with a position, in radians: ``[R]``."""
        exponents = np.arange(0, self.dims, 2, dtype=np.float32) / np.float32(self.dims)
        # In double precision, then rounded: the nearest f32, which torch's powf misses by one
        # step in 1 of 100 pairs.
        powers = np.float64(np.float32(self.theta)) ** exponents.astype(np.float64)
        frequencies = np.float32(1) / powers.astype(np.float32)
        match self.kind:
            case "linear":
                return frequencies / np.float32(self.factor)
            case "yarn":
                return self._yarn(powers.astype(np.float32))
            case "llama3":
                return self._llama3(frequencies)
        return frequencies

    def tables(self, context: int) -> tuple[Floats, Floats]:
        """Return cosines and sines ``[S, R]`` of the positions below ``context``."""
        angles = np.arange(context, dtype=np.float32)[:, None] * self.frequencies()
        scale = np.float32(self.attention_factor)
        return np.cos(angles) * scale, np.sin(angles) * scale

    def _yarn(self, powers: Floats) -> Floats:
        """Mix slow and kept frequencies pair by pair: https://arxiv.org/abs/2309.00071."""
        first, last = self._pair_with_turns(self.high), self._pair_with_turns(self.low)
        if self.truncate:
            first, last = math.floor(first), math.ceil(last)
        first, last = max(first, 0), min(last, self.dims - 1)
        if first == last:
            last += _NO_WIDTH
        pairs = np.arange(self.dims // 2, dtype=np.float32)
        ramp = np.clip((pairs - np.float32(first)) / np.float32(last - first), 0, 1)
        kept_share = np.float32(1) - ramp
        slow = np.float32(1) / (np.float32(self.factor) * powers)
        kept = np.float32(1) / powers
        return np.asarray(slow * (np.float32(1) - kept_share) + kept * kept_share)

    def _pair_with_turns(self, turns: float) -> float:
        """Return which pair, as a fraction, turns so often within the original context."""
        wavelength = self.original_context / (turns * 2 * math.pi)
        return self.dims * math.log(wavelength) / (2 * math.log(self.theta))

    def _llama3(self, frequencies: Floats) -> Floats:
        """Slow down pairs that turn less than ``low`` times, keep those above ``high``."""
        # torch divides a number by a tensor in two steps: the reciprocal, then the product.
        wavelengths = np.float32(1) / frequencies * np.float32(2 * math.pi)
        turns = np.float32(1) / wavelengths * np.float32(self.original_context)
        share = (turns - np.float32(self.low)) / np.float32(self.high - self.low)
        factor = np.float32(self.factor)
        between = (np.float32(1) - share) * frequencies / factor + share * frequencies
        is_slow = wavelengths > np.float32(self.original_context / self.low)
        is_fast = wavelengths < np.float32(self.original_context / self.high)
        return np.where(is_slow, frequencies / factor, np.where(is_fast, frequencies, between))


def mscale(factor: float, weight: float = 1.0) -> float:
    """Return YaRN's growth of attention with the context's."""
    return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0
