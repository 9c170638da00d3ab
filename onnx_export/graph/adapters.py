"""Put low-rank adapters and other tuned weights into a graph that is already written.

Each projection of an attention layer, and the output head, gets two products more: ``down`` takes
its input to the rank, ``up`` takes that to its outputs and adds the projection's own result, all in
f32.
"""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper  # noqa: TID251 - graph/ builds graphs

from onnx_export.decoder_weights import HEAD, PROJECTIONS, Adapter, Floats, TunedWeights
from onnx_export.graph.builder import tensor_proto
from onnx_export.read_back import adapter_names
from onnx_export.write import WeightFile


def put_tuned(
    model: onnx.ModelProto, tuned: TunedWeights, weights: WeightFile, location: str
) -> int:
    """Replace the tuned weights of ``model`` and add the adapters that it does not have.

    Args:
        model: as the exporter wrote it, or with adapters from an earlier call; changed in place.
        tuned: all of its tuned weights.
        weights: takes what is too large for the graph.
        location: name of that file.

    Returns:
        How many parameters the graph has more than before.
    """
    arrays = dict(_arrays(tuned))
    nodes: list[onnx.NodeProto] = []
    known = {tensor.name for tensor in model.graph.initializer}
    wanted = {HEAD} | {
        f"layers.{index}.attention.{projection}"
        for index in range(len(tuned.layers))
        for projection in PROJECTIONS
    }
    for node in model.graph.node:
        nodes.append(node)
        down, up = adapter_names(node.name)
        if node.name in wanted and down in arrays and down not in known:
            nodes += _adapter_nodes(node, down, up)
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in arrays]
    added = [
        tensor_proto(weights.add(name, array.dtype, array.shape, [array]), location)
        for name, array in arrays.items()
    ]
    for field, values in (("node", nodes), ("initializer", [*kept, *added])):
        copies = [type(value).FromString(value.SerializeToString()) for value in values]
        model.graph.ClearField(field)
        getattr(model.graph, field).extend(copies)
    return sum(array.size for name, array in arrays.items() if name not in known)


def _adapter_nodes(projection: onnx.NodeProto, down: str, up: str) -> list[onnx.NodeProto]:
    """Rename the projection's result, and make the sum bear its old name."""
    result = projection.output[0]
    projection.output[0] = f"{result}.base"
    rank = f"{result}.adapter_down"
    return [
        helper.make_node("Gemm", [projection.input[0], down], [rank], name=rank, transB=1),
        helper.make_node(
            "Gemm", [rank, up, f"{result}.base"], [result], name=f"{result}.adapter_up", transB=1
        ),
    ]


def _arrays(tuned: TunedWeights) -> Iterator[tuple[str, Floats]]:
    yield "head.norm.weight", _stored(tuned.final_norm)
    for index, layer in enumerate(tuned.layers):
        start = f"layers.{index}"
        attention = f"{start}.attention"
        yield f"{start}.input_norm.weight", _stored(layer.input_norm)
        yield f"{attention}.query_norm.weight", _stored(layer.query_norm)
        yield f"{attention}.key_norm.weight", _stored(layer.key_norm)
        yield f"{start}.post_attention_norm.weight", _stored(layer.post_attention_norm)
        yield f"{start}.moe.logits.weight", _stored(layer.router)
        yield from _adapter_arrays(f"{attention}.qkv", layer.qkv)
        yield from _adapter_arrays(f"{attention}.output", layer.output)
    yield from _adapter_arrays(HEAD, tuned.head)


def _adapter_arrays(projection: str, adapter: Adapter | None) -> Iterator[tuple[str, Floats]]:
    if adapter is not None:
        down, up = adapter_names(projection)
        yield down, _stored(adapter.down)
        yield up, _stored(adapter.up)


def _stored(values: Floats) -> Floats:
    return np.ascontiguousarray(values, np.float32)
