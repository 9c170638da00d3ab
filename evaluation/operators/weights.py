"""The same random expert weights for both sides: in Mixline's packed order, and in QMoE's."""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from evaluation.operators.shapes import OpShape
from inference.ops import layout

# E experts, I expert hidden, H hidden, N output rows, K inputs of a row

Tensor: TypeAlias = npt.NDArray[Any]
QuantisedFormat: TypeAlias = Literal["int4", "int8"]
BLOCK: Final = 32
# Experts with values of their own; the others repeat them at addresses of their own, which is what
# counts for speed.
DISTINCT_EXPERTS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertTensors:
    """What one side stores, by input name: one entry per distinct expert, axis 0."""

    tensors: dict[str, Tensor]

    def bytes_per_expert(self) -> int:
        """Bytes that one use of an expert reads, biases included."""
        return sum(tensor[0].nbytes for tensor in self.tensors.values())


def draw_weights(
    shape: OpShape, weight_format: QuantisedFormat, rng: np.random.Generator
) -> tuple[ExpertTensors, ExpertTensors]:
    """Return Mixline's and QMoE's tensors of the same quantised values."""
    experts = min(shape.experts, DISTINCT_EXPERTS)

    def normal(*dims: int) -> npt.NDArray[np.float32]:
        scale = np.float32(dims[-1] ** -0.5)
        return rng.standard_normal((experts, *dims), dtype=np.float32) * scale

    gate = normal(shape.expert_hidden, shape.hidden)
    up = normal(shape.expert_hidden, shape.hidden)
    down = normal(shape.hidden, shape.expert_hidden)
    ours: dict[str, Tensor] = {
        "gate_up": layout.pack_gate_up(weight_format, BLOCK, gate, up),
        "down": layout.pack(weight_format, BLOCK, down),
    }
    theirs = _qmoe_matrix("fc1", _alternate_rows(gate, up), weight_format)
    theirs |= _qmoe_matrix("fc2", down, weight_format)
    if shape.biases:
        gate_bias, up_bias = normal(shape.expert_hidden), normal(shape.expert_hidden)
        down_bias = normal(shape.hidden)
        ours |= {
            "gate_up_bias": np.concatenate([gate_bias, up_bias], axis=1),
            "down_bias": down_bias,
        }
        theirs |= {"fc1_bias": _alternate_rows(gate_bias, up_bias), "fc2_bias": down_bias}
    return ExpertTensors(tensors=ours), ExpertTensors(tensors=theirs)


def _alternate_rows(gate: Tensor, up: Tensor) -> Tensor:
    """Return gate 0, up 0, gate 1, up 1, ... along axis 1, QMoE's order with swiglu_fusion 1."""
    both = np.stack([gate, up], axis=2)
    return both.reshape(gate.shape[0], -1, *gate.shape[2:])


def _qmoe_matrix(name: str, w: Tensor, weight_format: QuantisedFormat) -> dict[str, Tensor]:
    """Return QMoE's values ``[E, N, bytes]`` and f32 scales ``[E, N, K / 32]`` of ``w [E, N, K]``.

    Values are unsigned around 8 or 128; of two int4 in a byte the first is the low nibble.
    """
    q, scale = layout.quantize(w, weight_format, BLOCK)
    if weight_format == "int4":
        unsigned = (q + np.int8(8)).astype(np.uint8)
        values = unsigned[..., 0::2] | unsigned[..., 1::2] << np.uint8(4)
    else:
        values = q.view(np.uint8) ^ np.uint8(128)
    return {f"{name}_weights": values, f"{name}_scales": scale.astype(np.float32)}
