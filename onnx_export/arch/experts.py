"""How checkpoints store a layer's experts: apart, stacked, interleaved, or as MXFP4."""

# E experts, I hidden size of an expert, H hidden size of the model

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from inference.ops.mxfp4 import BLOCK, Mxfp4, dequantize
from onnx_export.checkpoint import Checkpoint

Floats: TypeAlias = npt.NDArray[np.float32]
Shape: TypeAlias = tuple[int, ...]


class Experts(Protocol):
    """One layer's experts; every family computes down(act(gate x) * (up x))."""

    @property
    def count(self) -> int:
        """E."""

    @property
    def hidden(self) -> int:
        """H."""

    @property
    def inner(self) -> int:
        """I."""

    def shapes(self) -> Mapping[str, Shape]:
        """Return the shape of every tensor in the checkpoint."""

    def gate_up(self, checkpoint: Checkpoint, expert: int) -> tuple[Floats, Floats]:
        """Read gate and up of one expert, ``[I, H]`` each."""

    def down(self, checkpoint: Checkpoint, expert: int) -> Floats:
        """Read down of one expert, ``[H, I]``."""


@runtime_checkable
class BiasedExperts(Protocol):
    """Experts that add something to their products."""

    def gate_up_bias(self, checkpoint: Checkpoint) -> Floats:
        """Read what is added to gate and up, ``[E, 2 I]``: the gate's I values first."""

    def down_bias(self, checkpoint: Checkpoint) -> Floats:
        """Read what is added to down, ``[E, H]``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparateExperts:
    """Three matrices for each expert, ``[outputs, inputs]``."""

    hidden: int
    inner: int
    gates: tuple[str, ...]  # one name per expert
    ups: tuple[str, ...]
    downs: tuple[str, ...]

    @property
    def count(self) -> int:
        """E."""
        return len(self.gates)

    def shapes(self) -> Mapping[str, Shape]:
        """Return the shape of every tensor in the checkpoint."""
        wide, narrow = (self.inner, self.hidden), (self.hidden, self.inner)
        return dict.fromkeys((*self.gates, *self.ups), wide) | dict.fromkeys(self.downs, narrow)

    def gate_up(self, checkpoint: Checkpoint, expert: int) -> tuple[Floats, Floats]:
        """Read gate and up of one expert, ``[I, H]`` each."""
        shape = (self.inner, self.hidden)
        gate = checkpoint.read(self.gates[expert], shape)
        return gate, checkpoint.read(self.ups[expert], shape)

    def down(self, checkpoint: Checkpoint, expert: int) -> Floats:
        """Read down of one expert, ``[H, I]``."""
        return checkpoint.read(self.downs[expert], (self.hidden, self.inner))


@dataclass(frozen=True, slots=True, kw_only=True)
class StackedExperts:
    """All experts in two tensors, ``[E, 2 I, H]`` with the gate's rows first, and ``[E, H, I]``."""

    count: int
    hidden: int
    inner: int
    gate_up_name: str
    down_name: str

    def shapes(self) -> Mapping[str, Shape]:
        """Return the shape of every tensor in the checkpoint."""
        return {
            self.gate_up_name: (self.count, 2 * self.inner, self.hidden),
            self.down_name: (self.count, self.hidden, self.inner),
        }

    def gate_up(self, checkpoint: Checkpoint, expert: int) -> tuple[Floats, Floats]:
        """Read gate and up of one expert, ``[I, H]`` each."""
        both = checkpoint.part(self.gate_up_name, self.shapes()[self.gate_up_name], expert)
        return both[: self.inner], both[self.inner :]

    def down(self, checkpoint: Checkpoint, expert: int) -> Floats:
        """Read down of one expert, ``[H, I]``."""
        return checkpoint.part(self.down_name, self.shapes()[self.down_name], expert)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interleaved:
    """Gate and up take turns along the outputs, gate first; everything has a bias."""

    count: int
    hidden: int
    inner: int
    prefix: str

    def bias_shapes(self) -> dict[str, Shape]:
        """Return the shapes of the biases."""
        return {
            f"{self.prefix}.gate_up_proj_bias": (self.count, 2 * self.inner),
            f"{self.prefix}.down_proj_bias": (self.count, self.hidden),
        }

    def gate_up_bias(self, checkpoint: Checkpoint) -> Floats:
        """Read what is added to gate and up, ``[E, 2 I]``: the gate's I values first."""
        name = f"{self.prefix}.gate_up_proj_bias"
        both = checkpoint.read(name, self.bias_shapes()[name])
        return np.concatenate([both[:, 0::2], both[:, 1::2]], axis=1)

    def down_bias(self, checkpoint: Checkpoint) -> Floats:
        """Read what is added to down, ``[E, H]``."""
        name = f"{self.prefix}.down_proj_bias"
        return checkpoint.read(name, self.bias_shapes()[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class InterleavedExperts(_Interleaved):
    """All experts in two tensors ``[E, inputs, outputs]``; gate and up take turns."""

    def shapes(self) -> Mapping[str, Shape]:
        """Return the shape of every tensor in the checkpoint."""
        return {
            f"{self.prefix}.gate_up_proj": (self.count, self.hidden, 2 * self.inner),
            f"{self.prefix}.down_proj": (self.count, self.inner, self.hidden),
            **self.bias_shapes(),
        }

    def gate_up(self, checkpoint: Checkpoint, expert: int) -> tuple[Floats, Floats]:
        """Read gate and up of one expert, ``[I, H]`` each."""
        both = self._part(checkpoint, "gate_up_proj", expert)
        return both[0::2], both[1::2]

    def down(self, checkpoint: Checkpoint, expert: int) -> Floats:
        """Read down of one expert, ``[H, I]``."""
        return self._part(checkpoint, "down_proj", expert)

    def _part(self, checkpoint: Checkpoint, matrix: str, expert: int) -> Floats:
        name = f"{self.prefix}.{matrix}"
        return checkpoint.part(name, self.shapes()[name], expert).T


@dataclass(frozen=True, slots=True, kw_only=True)
class Mxfp4Experts(_Interleaved):
    """Nibbles ``[E, outputs, blocks, 16]`` and scales ``[E, outputs, blocks]`` of blocks of 32.

    Gate and up take turns along the outputs. See `inference.ops.mxfp4` for what a nibble means.
    """

    def shapes(self) -> Mapping[str, Shape]:
        """Return the shape of every tensor in the checkpoint."""
        wide = (self.count, 2 * self.inner, self.hidden // BLOCK)
        narrow = (self.count, self.hidden, self.inner // BLOCK)
        return {
            f"{self.prefix}.gate_up_proj_blocks": (*wide, BLOCK // 2),
            f"{self.prefix}.gate_up_proj_scales": wide,
            f"{self.prefix}.down_proj_blocks": (*narrow, BLOCK // 2),
            f"{self.prefix}.down_proj_scales": narrow,
            **self.bias_shapes(),
        }

    def gate_up_mxfp4(self, checkpoint: Checkpoint, expert: int) -> tuple[Mxfp4, Mxfp4]:
        """Read gate and up of one expert as they are stored, ``[1, I, H]`` each."""
        nibbles, scales = self._part(checkpoint, "gate_up_proj", expert)
        gate, up = (
            Mxfp4(nibbles=nibbles[None, turn::2], scales=scales[None, turn::2]) for turn in (0, 1)
        )
        return gate, up

    def down_mxfp4(self, checkpoint: Checkpoint, expert: int) -> Mxfp4:
        """Read down of one expert as it is stored, ``[1, H, I]``."""
        nibbles, scales = self._part(checkpoint, "down_proj", expert)
        return Mxfp4(nibbles=nibbles[None], scales=scales[None])

    def gate_up(self, checkpoint: Checkpoint, expert: int) -> tuple[Floats, Floats]:
        """Read gate and up of one expert, ``[I, H]`` each."""
        gate, up = self.gate_up_mxfp4(checkpoint, expert)
        return dequantize(gate.codes()[0], gate.scales[0]), dequantize(up.codes()[0], up.scales[0])

    def down(self, checkpoint: Checkpoint, expert: int) -> Floats:
        """Read down of one expert, ``[H, I]``."""
        down = self.down_mxfp4(checkpoint, expert)
        return dequantize(down.codes()[0], down.scales[0])

    def _part(
        self, checkpoint: Checkpoint, matrix: str, expert: int
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        shapes = self.shapes()
        blocks, scales = f"{self.prefix}.{matrix}_blocks", f"{self.prefix}.{matrix}_scales"
        nibbles = checkpoint.bytes_part(blocks, shapes[blocks], expert)
        return nibbles.reshape(len(nibbles), -1), checkpoint.bytes_part(
            scales, shapes[scales], expert
        )
