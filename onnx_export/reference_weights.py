"""The numpy reference's weights, rounded as the exporter rounds them, and its small functions."""

# N outputs, K inputs

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from inference.manifest import ExpertFormat
from inference.ops.layout import dequantize, quantize
from onnx_export.arch.layers import Linear, Vector
from onnx_export.checkpoint import Checkpoint

Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundedWeights:
    """Reads a checkpoint's weights, one at a time."""

    checkpoint: Checkpoint
    block: int

    def vector(self, part: Vector) -> Floats:
        """Return a norm's weight, or a number per head."""
        return self.checkpoint.read(part.name, (part.size,))

    def matrix(self, name: str, rows: int, columns: int, weight_format: ExpertFormat) -> Floats:
        """Return a matrix ``[N, K]``."""
        return self.rounded(self.checkpoint.read(name, (rows, columns)), weight_format)

    def rounded(self, w: Floats, weight_format: ExpertFormat) -> Floats:
        """Round to a format and back; what is MXFP4 then was it in the checkpoint."""
        if weight_format in {"f32", "mxfp4"}:
            return w
        return dequantize(*quantize(w, weight_format, self.block), self.block)

    def apply(self, part: Linear, x: Floats, weight_format: ExpertFormat) -> Floats:
        """Return the product of ``x [n, K]`` with a matrix, plus its bias."""
        w = self.matrix(part.weight, part.outputs, part.inputs, weight_format)
        return self.biased(part, x @ w.T)

    def biased(self, part: Linear, y: Floats) -> Floats:
        """Add a product's bias, if it has one."""
        if part.bias is None:
            return y
        return np.asarray(y + self.checkpoint.read(part.bias, (part.outputs,)))


def rms_norm(x: Floats, weight: Floats, epsilon: float) -> Floats:
    """Normalise the last axis and scale it."""
    mean_square = np.mean(np.square(x), axis=-1, keepdims=True)
    return np.asarray(weight * (x / np.sqrt(mean_square + np.float32(epsilon))))


def softmax(x: Floats) -> Floats:
    """Normalise the last axis to a distribution."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + e^-x) without overflow."""
    return np.asarray((1 + np.tanh(x / 2)) / 2)
