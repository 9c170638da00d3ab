"""llama.cpp's side of the comparison: a layer's experts as its own graphs compute them.

Its routing is not part of the measured time: the graph gets the chosen experts and their weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from evaluation.operators.ggml import F32, I32, Q4_0, Q8_0, Ggml
from evaluation.operators.shapes import OpShape
from evaluation.operators.weights import ExpertTensors, QuantisedFormat
from inference.errors import MixlineError
from training.ggml_blocks import pack_blocks

# T tokens, E experts, k experts per token, H hidden, I expert hidden

Tensor = npt.NDArray[Any]
_TYPES: Final = {"int4": Q4_0, "int8": Q8_0}
_BIASES: Final = ("gate_bias", "up_bias", "down_bias")
_ALPHA, _LIMIT = 1.702, 7.0  # of gpt-oss's activation


def route(logits: npt.NDArray[np.float32], k: int) -> tuple[Tensor, Tensor]:
    """Return the chosen experts ``[T, k]`` and their weights, which add up to 1, of logits."""
    ids = np.argpartition(logits, -k, axis=1)[:, -k:]
    chosen = np.take_along_axis(logits, ids, 1)
    weights = np.exp(chosen - chosen.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return ids.astype(np.int32), weights.astype(np.float32)


def llama_tensors(
    qmoe: ExpertTensors, shape: OpShape, weight_format: QuantisedFormat
) -> dict[str, Tensor]:
    """Return QMoE's weights as gate, up and down in blocks ``[E, N, bytes]``, and biases."""
    both = _blocks(qmoe, "fc1", weight_format)
    tensors = {"gate": both[:, 0::2], "up": both[:, 1::2]}  # QMoE's rows alternate
    tensors["down"] = _blocks(qmoe, "fc2", weight_format)
    if shape.biases:
        both = qmoe.tensors["fc1_bias"]
        tensors |= {"gate_bias": both[:, 0::2], "up_bias": both[:, 1::2]}
        tensors["down_bias"] = qmoe.tensors["fc2_bias"]
    return tensors


def _blocks(qmoe: ExpertTensors, name: str, weight_format: QuantisedFormat) -> Tensor:
    values = qmoe.tensors[f"{name}_weights"]
    scale = qmoe.tensors[f"{name}_scales"].astype(np.float16)  # it was one before
    if weight_format == "int8":
        return pack_blocks((values ^ np.uint8(128)).view(np.int8), scale, "q8_0")
    q = np.empty((*values.shape[:-1], 2 * values.shape[-1]), np.int8)
    q[..., 0::2] = (values & 15).astype(np.int8) - 8
    q[..., 1::2] = (values >> 4).astype(np.int8) - 8
    return pack_blocks(q, scale, "q4_0")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Graph:
    """One layer's computation for so many tokens."""

    context: int
    address: int
    x: int
    ids: int
    weights: int
    y: int


class LlamaLayers:
    """Layers of one shape, each with its weights in memory of its own."""

    def __init__(self, ggml: Ggml, shape: OpShape, weight_format: QuantisedFormat) -> None:
        self._ggml = ggml
        self._shape = shape
        self._weight_format: QuantisedFormat = weight_format
        self._layers: list[dict[str, int]] = []  # tensors by name
        self._graphs: list[_Graph] = []
        self._contexts: list[int] = []
        self._buffers: list[int] = []
        self._scratch: int | None = None  # memory that the graphs share
        self._x: Tensor = np.empty((0, shape.hidden), np.float32)

    def add_layer(self, tensors: dict[str, Tensor]) -> None:
        """Copy a layer's weights; distinct experts are repeated to all.

        Args:
            tensors: as `llama_tensors` gives them.

        Raises:
            MixlineError: there is not enough memory.
        """
        ggml, shape = self._ggml, self._shape
        hidden, inner, experts = shape.hidden, shape.expert_hidden, shape.experts
        kind = _TYPES[self._weight_format]
        sizes = {"gate": (hidden, inner), "up": (hidden, inner), "down": (inner, hidden)}
        repacked = ggml.repacked if self._weight_format == "int4" else None
        context = self._context()
        layer = {
            name: ggml.call("new_tensor_3d", context, kind, columns, rows, experts)
            for name, (columns, rows) in sizes.items()
        }
        self._allocate(context, repacked or ggml.plain)
        if shape.biases:
            context = self._context()
            for name in _BIASES:
                rows = tensors[name].shape[1]
                layer[name] = ggml.call("new_tensor_2d", context, F32, rows, experts)
            self._allocate(context, ggml.plain)
        for name, address in layer.items():
            distinct = tensors[name]
            ggml.write(address, distinct[np.arange(experts) % len(distinct)])
        self._layers.append(layer)

    def bind(self, x: Tensor) -> None:
        """Build every layer's graph for ``x [T, H]``, which is read at every run."""
        self._unbind()
        self._x = x
        self._scratch = self._ggml.call("gallocr_new", self._ggml.plain)
        self._graphs = [self._graph(layer, len(x)) for layer in self._layers]

    def set(self, layer: int, ids: Tensor, weights: Tensor) -> None:
        """Say what the next run of a layer is to compute."""
        graph = self._graphs[layer]
        self._ggml.write(graph.x, self._x)
        self._ggml.write(graph.ids, ids)
        self._ggml.write(graph.weights, weights)

    def run(self, layer: int) -> None:
        """Compute y of a layer."""
        self._ggml.compute(self._graphs[layer].address)

    def answer(self, layer: int) -> Tensor:
        """Return y ``[T, H]`` of the layer that ran last."""
        y = np.empty_like(self._x)
        self._ggml.read(self._graphs[layer].y, y)
        return y

    def close(self) -> None:
        """Give all memory back."""
        self._unbind()
        for buffer in self._buffers:
            self._ggml.call("backend_buffer_free", buffer)
        for context in self._contexts:
            self._ggml.call("free", context)
        self._buffers.clear()
        self._contexts.clear()
        self._layers.clear()

    def _context(self) -> int:
        self._contexts.append(self._ggml.context())
        return self._contexts[-1]

    def _allocate(self, context: int, kind: int) -> None:
        buffer = self._ggml.call("backend_alloc_ctx_tensors_from_buft", context, kind)
        if not buffer:
            raise MixlineError("llama.cpp: not enough memory for a layer's weights")
        self._buffers.append(buffer)

    def _unbind(self) -> None:
        for graph in self._graphs:
            self._ggml.call("free", graph.context)
        self._graphs.clear()
        if self._scratch is not None:
            self._ggml.call("gallocr_free", self._scratch)
            self._scratch = None

    def _graph(self, layer: dict[str, int], tokens: int) -> _Graph:
        """Return what llama.cpp builds for a layer; all layers share one scratch memory."""
        ggml, k, hidden = self._ggml, self._shape.experts_per_token, self._shape.hidden
        context = ggml.context()

        def op(name: str, *inputs: Any) -> Any:  # noqa: ANN401 - addresses, and floats
            return ggml.call(name, context, *inputs)

        x = op("new_tensor_3d", F32, hidden, 1, tokens)
        ids = op("new_tensor_2d", I32, k, tokens)
        weights = op("new_tensor_3d", F32, 1, k, tokens)
        for given in (x, ids, weights):
            ggml.call("set_input", given)
        up = op("mul_mat_id", layer["up"], x, ids)
        gate = op("mul_mat_id", layer["gate"], x, ids)
        if self._shape.biases:
            up = op("add_id", up, layer["up_bias"], ids)
            gate = op("add_id", gate, layer["gate_bias"], ids)
        if self._shape.activation == "swiglu_oai":
            inner = op("swiglu_oai", gate, up, _ALPHA, _LIMIT)
        else:
            inner = op("swiglu_split", gate, up)
        experts = op("mul_mat_id", layer["down"], inner, ids)
        if self._shape.biases:
            experts = op("add_id", experts, layer["down_bias"], ids)
        experts = op("mul", experts, weights)  # [T, k, H]
        row = hidden * 4
        slots: Sequence[int] = [
            op("view_2d", experts, hidden, tokens, k * row, slot * row) for slot in range(k)
        ]
        y = slots[0]
        for slot in slots[1:]:
            y = op("add", y, slot)
        ggml.call("set_output", y)
        address = ggml.new_graph(context, y)
        if not ggml.call("gallocr_alloc_graph", self._scratch, address):
            raise MixlineError("llama.cpp: not enough memory for a layer's activations")
        return _Graph(context=context, address=address, x=x, ids=ids, weights=weights, y=y)
