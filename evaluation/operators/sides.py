"""The two sides of the comparison: Mixline's operators and QMoE, as graphs over stored weights."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np

from evaluation.operators.onnx_graph import Call, StoredTensor, Value, serialize_graph
from evaluation.operators.shapes import OpShape
from evaluation.operators.weights import BLOCK, ExpertTensors, QuantisedFormat

Side: TypeAlias = Literal["mixline", "qmoe"]
ALIGN_BYTES: Final = 65536  # where a weight may start in its file, as in a model directory
_BITS: Final = {"int4": 4, "int8": 8}
_WRITE_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGraph:
    """A graph file and the file with its weights."""

    graph: Path
    weights: Path

    def forget(self) -> None:
        """Take the names away; a session that has mapped the weights keeps them."""
        self.graph.unlink()
        self.weights.unlink()


def store(
    side: Side,
    shape: OpShape,
    weight_format: QuantisedFormat,
    experts: ExpertTensors,
    folder: Path,
    layer: int = 0,
) -> StoredGraph:
    """Write one layer's graph and weights, all experts of them, into a folder."""
    weights = folder / f"{side}-{layer}.bin"
    tensors = tuple(_write(experts, shape.experts, weights))
    call = _mixline if side == "mixline" else _qmoe
    graph = folder / f"{side}-{layer}.onnx"
    graph.write_bytes(
        serialize_graph(
            call(shape, weight_format),
            [
                Value(name="x", dims=("tokens", shape.hidden)),
                Value(name="logits", dims=("tokens", shape.experts)),
            ],
            [Value(name="y", dims=("tokens", shape.hidden))],
            tensors,
        )
    )
    return StoredGraph(graph=graph, weights=weights)


def _write(experts: ExpertTensors, count: int, path: Path) -> Iterable[StoredTensor]:
    """Write every tensor with its distinct experts repeated to `count`."""
    with path.open("wb", buffering=_WRITE_BYTES) as file:
        for name, distinct in experts.tensors.items():
            file.seek(-(-file.tell() // ALIGN_BYTES) * ALIGN_BYTES)
            offset = file.tell()
            for expert in range(count):
                file.write(np.ascontiguousarray(distinct[expert % len(distinct)]).data)
            yield StoredTensor(
                name=name,
                dims=(count, *distinct.shape[1:]),
                element_type=distinct.dtype.name,
                location=path.name,
                offset=offset,
                num_bytes=file.tell() - offset,
            )
        file.flush()
        os.fsync(file.fileno())  # or the system writes it while we measure


def _mixline(shape: OpShape, weight_format: QuantisedFormat) -> list[Call]:
    biases = ("gate_up_bias", "down_bias") if shape.biases else ()
    return [
        Call(
            op_type="ExpertRouter",
            domain="mixline",
            inputs=("logits",),
            outputs=("ids", "weights"),
            attributes={"k": shape.experts_per_token, "normalize": 1},
        ),
        Call(
            op_type="ExpertFFN",
            domain="mixline",
            inputs=("x", "ids", "weights", "gate_up", "down", *biases),
            outputs=("y",),
            attributes={
                "activation": shape.activation,
                "weight_format": weight_format,
                "block": BLOCK,
                "expert_hidden": shape.expert_hidden,
            },
        ),
    ]


def _qmoe(shape: OpShape, weight_format: QuantisedFormat) -> list[Call]:
    """Return QMoE at its fastest setting; it normalises over the chosen experts by itself."""
    bias_1, bias_2 = ("fc1_bias", "fc2_bias") if shape.biases else ("", "")
    plain = {"activation_alpha": 1.0, "activation_beta": 0.0}
    gpt_oss = {"activation_alpha": 1.702, "activation_beta": 1.0, "swiglu_limit": 7.0}
    return [
        Call(
            op_type="QMoE",
            domain="com.microsoft",
            inputs=(
                *("x", "logits", "fc1_weights", "fc1_scales", bias_1),
                *("fc2_weights", "fc2_scales", bias_2),
            ),
            outputs=("y",),
            attributes={
                "k": shape.experts_per_token,
                "normalize_routing_weights": 1,
                "activation_type": "swiglu",
                "swiglu_fusion": 1,  # gate and up rows alternate
                **(gpt_oss if shape.activation == "swiglu_oai" else plain),
                "expert_weight_bits": _BITS[weight_format],
                "block_size": BLOCK,
                "accuracy_level": 4,  # int8 activations; lower levels are several times slower
            },
        )
    ]
