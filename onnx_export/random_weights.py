"""Weights drawn from a seed in place of a checkpoint's, each only when it is read."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from onnx_export.checkpoint import Checkpoint

CHUNK: Final = 2**18  # numbers of one generator: any rows can be drawn without those before them
_ITEM_BYTES: Final = 2  # what a bf16 checkpoint would have on the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomTensor:
    """A tensor that is a function of its name, its shape and the seed."""

    name: str
    shape: tuple[int, ...]
    seed: int

    @property
    def num_bytes(self) -> int:
        """Bytes that it would take in a bf16 file."""
        return math.prod(self.shape) * _ITEM_BYTES

    def read(self, start: int = 0, stop: int | None = None) -> npt.NDArray[np.float32]:
        """Return the rows ``start`` to ``stop``, the same whatever is read with them.

        Matrices are normal with variance 1 / inputs, so that activations keep their size from
        layer to layer as a trained model's do; vectors are near 1.
        """
        rows = range(self.shape[0])[start:stop]
        row = math.prod(self.shape[1:])
        values = self._normal(rows.start * row, rows.stop * row)
        if len(self.shape) == 1:
            values /= np.float32(10)
            values += np.float32(1)
        else:
            values /= np.sqrt(self.shape[-1], dtype=np.float32)
        return values.reshape(len(rows), *self.shape[1:])

    def _normal(self, begin: int, end: int) -> npt.NDArray[np.float32]:
        values = np.empty(end - begin, np.float32)
        key = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8], "little")
        for chunk in range(begin // CHUNK, -(-end // CHUNK)):
            generator = np.random.Generator(np.random.SFC64([self.seed, key, chunk]))
            drawn = generator.standard_normal(CHUNK, dtype=np.float32)
            first = chunk * CHUNK
            low, high = max(begin, first), min(end, first + CHUNK)
            values[low - begin : high - begin] = drawn[low - first : high - first]
        return values


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
