"""Read the weights of a model directory back, dequantised, without the checkpoint it came from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import onnx

from inference.manifest import DenseFormat
from inference.model_dir import ModelDir
from inference.ops.layout import unpack, unpack_gate_up
from onnx_export.arch import qwen3_moe
from onnx_export.decoder_weights import (
    HEAD,
    Adapter,
    DecoderWeights,
    Floats,
    FrozenLayer,
    TunedLayer,
    TunedWeights,
)
from onnx_export.errors import UnsupportedError
from onnx_export.graph.builder import tensor_values
from onnx_export.quantize.matmul_nbits import unpack_matmul_nbits

GRAPH_PROVIDER: Final = "cpu"
Element = TypeVar("Element", bound=np.generic)
_DTYPES: Final = {
    onnx.TensorProto.FLOAT: np.dtype(np.float32),
    onnx.TensorProto.UINT8: np.dtype(np.uint8),
}


def read_weights(model: ModelDir) -> DecoderWeights:
    """Read the decoder of an open model directory, adapters of an earlier fine-tuning included.

    Raises:
        UnsupportedError: a family that the exporter does not write, or a graph without one of the
            weights that it writes.
        LayoutError: a tensor of another size than the manifest states.
    """
    graph = model.graphs.get(GRAPH_PROVIDER)
    architecture, quantization = model.manifest.architecture, model.manifest.quantization
    if architecture.model_type != qwen3_moe.MODEL_TYPE or graph is None:
        raise UnsupportedError(
            f"{model.path}: expected a model of the family {qwen3_moe.MODEL_TYPE!r} with a graph"
            f" for the CPU, found {architecture.model_type!r} for {', '.join(model.graphs)}; only"
            " that family can be read back"
        )
    tensors = _GraphFile(graph)
    layers = range(architecture.layers)
    hidden = architecture.hidden
    embedding = tensors.matrix("embedding", quantization.embedding, hidden)
    head = None
    if not architecture.tied_embeddings:
        head = tensors.matrix("head", quantization.embedding, hidden)
    return DecoderWeights(
        embedding=embedding,
        head=head,
        frozen=tuple(_frozen(tensors, index, model) for index in layers),
        tuned=TunedWeights(
            layers=tuple(_tuned(tensors, index) for index in layers),
            final_norm=tensors.floats("head.norm.weight"),
            head=tensors.adapter(HEAD),
        ),
        cosines=tensors.floats("rope.cosines"),
        sines=tensors.floats("rope.sines"),
        attention_scale=tensors.attribute("layers.0.attention.mix", "scale"),
        head_norm_eps=tensors.attribute("layers.0.attention.query_norm", "epsilon"),
    )


def _frozen(tensors: "_GraphFile", index: int, model: ModelDir) -> FrozenLayer:
    architecture, quantization = model.manifest.architecture, model.manifest.quantization
    hidden, inner = architecture.hidden, architecture.expert_hidden
    attention, moe = f"layers.{index}.attention", f"layers.{index}.moe"
    experts = (quantization.experts, quantization.block)
    gate, up = unpack_gate_up(*experts, tensors.array(f"{moe}.gate_up", np.uint8), inner, hidden)
    heads = architecture.heads * architecture.head_dim
    return FrozenLayer(
        qkv=tensors.matrix(f"{attention}.qkv", quantization.dense, hidden),
        output=tensors.matrix(f"{attention}.output", quantization.dense, heads),
        gate=gate,
        up=up,
        down=unpack(*experts, tensors.array(f"{moe}.down", np.uint8), hidden, inner),
    )


def _tuned(tensors: "_GraphFile", index: int) -> TunedLayer:
    layer = f"layers.{index}"
    return TunedLayer(
        input_norm=tensors.floats(f"{layer}.input_norm.weight"),
        query_norm=tensors.floats(f"{layer}.attention.query_norm.weight"),
        key_norm=tensors.floats(f"{layer}.attention.key_norm.weight"),
        post_attention_norm=tensors.floats(f"{layer}.post_attention_norm.weight"),
        router=tensors.floats(f"{layer}.moe.logits.weight"),
        qkv=tensors.adapter(f"{layer}.attention.qkv"),
        output=tensors.adapter(f"{layer}.attention.output"),
    )


class _GraphFile:
    """A graph's initialisers and attributes by name, after `ModelDir.open` has checked them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        graph = onnx.load(path, load_external_data=False).graph
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        self._nodes = {node.name: node for node in graph.node}

    def array(self, name: str, dtype: type[Element]) -> npt.NDArray[Element]:
        """Return an initialiser; a large one is mapped, not read."""
        tensor = self._tensors.get(name)
        if tensor is None or _DTYPES.get(tensor.data_type) != np.dtype(dtype):
            raise self._unknown(f"a tensor {name!r} of {np.dtype(dtype)}")
        return tensor_values(tensor, self._path.parent).view(dtype)

    def floats(self, name: str) -> Floats:
        """Return a copy of an f32 initialiser."""
        return np.array(self.array(name, np.float32))

    def matrix(self, name: str, weight_format: DenseFormat, columns: int) -> Floats:
        """Return a stored matrix ``[N, columns]``, dequantised."""
        if weight_format == "f32":
            return self.floats(f"{name}.weight")
        values, scales = self.array(f"{name}.values", np.uint8), self.floats(f"{name}.scales")
        return unpack_matmul_nbits(values, scales, weight_format, columns)

    def adapter(self, name: str) -> Adapter | None:
        """Return the adapter of a projection, if it has one."""
        down, up = adapter_names(name)
        if down not in self._tensors:
            return None
        return Adapter(down=self.floats(down), up=self.floats(up))

    def attribute(self, node: str, name: str) -> float:
        """Return a number that a node states."""
        found: Sequence[onnx.AttributeProto] = (
            self._nodes[node].attribute if node in self._nodes else ()
        )
        for attribute in found:
            if attribute.name == name:
                return float(attribute.f)
        raise self._unknown(f"the attribute {name!r} of a node {node!r}")

    def _unknown(self, what: str) -> UnsupportedError:
        return UnsupportedError(
            f"{self._path}: expected {what}, found none; the graph is not one that `mixline export`"
            " wrote: export the model again"
        )


def adapter_names(projection: str) -> tuple[str, str]:
    """Name the two initialisers of a projection's adapter."""
    return f"{projection}.adapter_down.weight", f"{projection}.adapter_up.weight"
