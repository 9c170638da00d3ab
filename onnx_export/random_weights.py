"""Weights drawn from a seed in place of a checkpoint's, each only when it is read."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from inference.ops import mxfp4
from onnx_export.checkpoint import Checkpoint

CHUNK: Final = 2**18  # numbers of one generator: any rows can be drawn without those before them
SCALES_SUFFIX: Final = "_scales"
BYTES_SUFFIXES: Final = ("_blocks", SCALES_SUFFIX)  # of MXFP4 tensors
_CODES_DEVIATION: Final = 2.93  # root of the mean square of all 16 values
_ITEM_BYTES: Final = 2  # what a bf16 checkpoint would have on the disk


Number = TypeVar("Number", np.float32, np.uint8)
Draw: TypeAlias = Callable[[np.random.Generator, int], npt.NDArray[Number]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomTensor:
    """A tensor that is a function of its name, its shape and the seed."""

    name: str
    shape: tuple[int, ...]
    seed: int

    @property
    def num_bytes(self) -> int:
        """Bytes that it would take in a bf16 file."""
        item_bytes = 1 if self.name.endswith(BYTES_SUFFIXES) else _ITEM_BYTES
        return math.prod(self.shape) * item_bytes

    def read(self, start: int = 0, stop: int | None = None) -> npt.NDArray[np.float32]:
        """Return the rows ``start`` to ``stop``, the same whatever is read with them.

        Matrices are normal with variance 1 / inputs, so that activations keep their size from
        layer to layer as a trained model's do; vectors are near 1.
        """
        rows = range(self.shape[0])[start:stop]
        row = math.prod(self.shape[1:])
        values = self._drawn(rows.start * row, rows.stop * row, _normal)
        if len(self.shape) == 1:
            values /= np.float32(10)
            values += np.float32(1)
        else:
            values /= np.sqrt(self.shape[-1], dtype=np.float32)
        return values.reshape(len(rows), *self.shape[1:])

    def read_bytes(self, start: int = 0, stop: int | None = None) -> npt.NDArray[np.uint8]:
        """Return the rows ``start`` to ``stop`` of an MXFP4 tensor: nibbles, or scales.

        All codes are drawn equally often; the scales are powers of two that make the variance of
        the values about 1 / inputs.
        """
        rows = range(self.shape[0])[start:stop]
        row = math.prod(self.shape[1:])
        shape = (len(rows), *self.shape[1:])
        if self.name.endswith(SCALES_SUFFIX):
            inputs = self.shape[-1] * mxfp4.BLOCK
            exponent = round(-math.log2(_CODES_DEVIATION * math.sqrt(inputs)))
            return np.full(shape, mxfp4.BIAS + exponent, np.uint8)
        return self._drawn(rows.start * row, rows.stop * row, _bytes).reshape(shape)

    def _drawn(self, begin: int, end: int, draw: Draw[Number]) -> npt.NDArray[Number]:
        """Return numbers ``begin`` to ``end`` of all that the chunks' generators give."""
        key = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8], "little")
        values = np.empty(end - begin, draw(np.random.default_rng(0), 0).dtype)
        for chunk in range(begin // CHUNK, -(-end // CHUNK)):
            drawn = draw(np.random.Generator(np.random.SFC64([self.seed, key, chunk])), CHUNK)
            first = chunk * CHUNK
            low, high = max(begin, first), min(end, first + CHUNK)
            values[low - begin : high - begin] = drawn[low - first : high - first]
        return values


def _normal(generator: np.random.Generator, count: int) -> npt.NDArray[np.float32]:
    return generator.standard_normal(count, dtype=np.float32)


def _bytes(generator: np.random.Generator, count: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(generator.bytes(count), np.uint8)


class _RandomTensors(Mapping[str, RandomTensor]):
    """The tensors of these shapes, made when they are asked for."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], seed: int) -> None:
        self._shapes = shapes
        self._seed = seed

    def __getitem__(self, name: str) -> RandomTensor:
        return RandomTensor(name=name, shape=self._shapes[name], seed=self._seed)

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def random_weights(folder: Path, shapes: Mapping[str, tuple[int, ...]], seed: int) -> Checkpoint:
    """Return a checkpoint of these shapes that takes no space anywhere; ``folder`` names it."""
    return Checkpoint(folder, _RandomTensors(shapes, seed))
