"""Read a layer's experts and pack them for ExpertFFN, one expert in memory at a time."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from inference.manifest import ExpertFormat
from inference.ops.layout import (
    bytes_per_expert,
    pack,
    pack_gate_up,
    pack_gate_up_mxfp4,
    pack_mxfp4,
)
from onnx_export.arch.experts import Experts, Mxfp4Experts
from onnx_export.checkpoint import Checkpoint

# E experts, I hidden size of an expert, H hidden size of the model


def gate_up_dims(experts: Experts, weight_format: ExpertFormat, block: int) -> tuple[int, int]:
    """Return experts and bytes per expert of the operator's input `gate_up`."""
    bytes_of_gate = bytes_per_expert(weight_format, block, experts.inner, experts.hidden)
    return experts.count, 2 * bytes_of_gate


def down_dims(experts: Experts, weight_format: ExpertFormat, block: int) -> tuple[int, int]:
    """Return experts and bytes per expert of the operator's input `down`."""
    return experts.count, bytes_per_expert(weight_format, block, experts.hidden, experts.inner)


def packed_gate_up(
    checkpoint: Checkpoint, experts: Experts, weight_format: ExpertFormat, block: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield `gate_up` of one expert after the other, ``[1, bytes]`` each.

    What is stored as MXFP4 stays it, bit for bit, if that is the format.
    """
    for expert in range(experts.count):
        if weight_format == "mxfp4" and isinstance(experts, Mxfp4Experts):
            yield pack_gate_up_mxfp4(*experts.gate_up_mxfp4(checkpoint, expert))
        else:
            gate, up = experts.gate_up(checkpoint, expert)
            yield pack_gate_up(weight_format, block, gate[None], up[None])


def packed_down(
    checkpoint: Checkpoint, experts: Experts, weight_format: ExpertFormat, block: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield `down` of one expert after the other, ``[1, bytes]`` each."""
    for expert in range(experts.count):
        if weight_format == "mxfp4" and isinstance(experts, Mxfp4Experts):
            yield pack_mxfp4(experts.down_mxfp4(checkpoint, expert))
        else:
            yield pack(weight_format, block, experts.down(checkpoint, expert)[None])
