"""Read a layer's experts and pack them for ExpertFFN, one expert in memory at a time."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from inference.manifest import ExpertFormat
from inference.ops.layout import bytes_per_expert, pack, pack_gate_up
from onnx_export.arch.spec import DecoderSpec, LayerTensors
from onnx_export.checkpoint import Checkpoint

# E experts, I hidden size of an expert, H hidden size of the model


def gate_up_dims(spec: DecoderSpec, weight_format: ExpertFormat, block: int) -> tuple[int, int]:
    """Return experts and bytes per expert of the operator's input `gate_up`."""
    return spec.experts, 2 * bytes_per_expert(weight_format, block, spec.expert_hidden, spec.hidden)


def down_dims(spec: DecoderSpec, weight_format: ExpertFormat, block: int) -> tuple[int, int]:
    """Return experts and bytes per expert of the operator's input `down`."""
    return spec.experts, bytes_per_expert(weight_format, block, spec.hidden, spec.expert_hidden)


def packed_gate_up(
    checkpoint: Checkpoint,
    spec: DecoderSpec,
    layer: LayerTensors,
    weight_format: ExpertFormat,
    block: int,
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield `gate_up` of one expert after the other, ``[1, bytes]`` each."""
    shape = (spec.expert_hidden, spec.hidden)
    for gate_name, up_name in zip(layer.gates, layer.ups, strict=True):
        gate, up = checkpoint.read(gate_name, shape), checkpoint.read(up_name, shape)
        yield pack_gate_up(weight_format, block, gate[None], up[None])


def packed_down(
    checkpoint: Checkpoint,
    spec: DecoderSpec,
    layer: LayerTensors,
    weight_format: ExpertFormat,
    block: int,
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield `down` of one expert after the other, ``[1, bytes]`` each."""
    shape = (spec.hidden, spec.expert_hidden)
    for name in layer.downs:
        yield pack(weight_format, block, checkpoint.read(name, shape)[None])
