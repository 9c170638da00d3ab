"""What stands behind a layer's attention: a mixture of experts, one expert for all, or both."""

# n tokens, E experts, I hidden size of an expert

import numpy as np

from inference.manifest import DenseFormat, ExpertFormat
from inference.ops.layout import LAYOUT
from onnx_export.arch.experts import BiasedExperts, Experts
from onnx_export.arch.layers import LayerTensors, Mixture, SharedExpert
from onnx_export.graph.context import GraphContext
from onnx_export.graph.linear import linear
from onnx_export.pack import down_dims, gate_up_dims, packed_down, packed_gate_up

DOMAIN = "mixline"


class EveryToken:
    """Ids and weights that send every token to the one expert of an ExpertFFN."""

    def __init__(self, context: GraphContext, ids: str) -> None:
        self._context = context
        self._ids = ids
        self._made: tuple[str, str] | None = None

    def ids(self) -> str:
        """Return zeros, i32 ``[n, 1]``."""
        return self._both()[0]

    def weights(self) -> str:
        """Return ones, f32 ``[n, 1]``."""
        return self._both()[1]

    def _both(self) -> tuple[str, str]:
        if self._made is None:
            builder = self._context.builder
            column = builder.constant("every.shape", [-1, 1])
            zeros = builder.node("Sub", "every.zeros", [self._ids, self._ids])
            zeros = builder.node("Reshape", "every.column", [zeros, column])
            floats = builder.node("Cast", "every.floats", [zeros], to=_FLOAT)
            one = builder.constant("every.one", 1.0)
            self._made = (
                builder.node("Cast", "every.ids", [zeros], to=_INT32),
                builder.node("Add", "every.weights", [floats, one]),
            )
        return self._made


def feed_forward(
    context: GraphContext, layer: LayerTensors, index: int, x: str, effort: str, every: EveryToken
) -> str:
    """Return the branch of ``x [n, hidden]``, before the residual sum."""
    start, dense = f"layers.{index}", context.plan.dense
    part = layer.feed_forward
    if not isinstance(part, Mixture):
        chosen = [every.ids(), every.weights()]
        return _experts(context, f"{start}.dense", part, dense, x, chosen)
    chosen = _routed(context, f"{start}.moe", part, x, effort)
    y = _experts(context, f"{start}.moe", part.experts, context.plan.experts, x, chosen)
    if part.shared is None:
        return y
    chosen = [every.ids(), _shared_weights(context, f"{start}.shared", part.shared, x, every)]
    shared = _experts(context, f"{start}.shared", part.shared.experts, dense, x, chosen)
    return context.builder.node("Add", f"{start}.moe_and_shared", [y, shared])


def _routed(context: GraphContext, start: str, part: Mixture, x: str, effort: str) -> list[str]:
    """Choose experts: their ids and weights ``[n, k]``."""
    spec, routing, router = context.spec, context.spec.routing, part.router
    weight = context.read(router.weight, router.outputs, router.inputs)
    bias = None if router.bias is None else context.read(router.bias, router.outputs)
    logits = linear(context, f"{start}.logits", x, weight, "f32", bias)
    chosen = [f"{start}.expert_ids", f"{start}.expert_weights"]
    context.builder.node(
        "ExpertRouter",
        f"{start}.router",
        [logits, "", effort],
        chosen,
        domain=DOMAIN,
        k=spec.experts_per_token,
        scoring="softmax",
        normalize=int(routing.normalize),
        softmax_after_topk=int(routing.softmax_after_topk),
        n_group=routing.n_group,
        topk_group=routing.topk_group,
        scale=routing.scale,
    )
    return chosen


def _shared_weights(
    context: GraphContext, start: str, part: SharedExpert, x: str, every: EveryToken
) -> str:
    """Return how much the shared expert counts for each token, ``[n, 1]``."""
    if part.gate is None:
        return every.weights()
    gate = context.read(part.gate.weight, part.gate.outputs, part.gate.inputs)
    logits = linear(context, f"{start}.gate", x, gate, "f32")
    return context.builder.node("Sigmoid", f"{start}.weights", [logits])


def _experts(
    context: GraphContext,
    start: str,
    experts: Experts,
    weight_format: ExpertFormat | DenseFormat,
    x: str,
    chosen: list[str],
) -> str:
    """Run ``x [n, hidden]`` through the chosen experts."""
    spec, block, builder = context.spec, context.plan.block, context.builder
    byte = np.dtype(np.uint8)
    gate_up = builder.weight(
        f"{start}.gate_up",
        byte,
        gate_up_dims(experts, weight_format, block),
        packed_gate_up(context.checkpoint, experts, weight_format, block),
        mapped=True,
    )
    down = builder.weight(
        f"{start}.down",
        byte,
        down_dims(experts, weight_format, block),
        packed_down(context.checkpoint, experts, weight_format, block),
        mapped=True,
    )
    inputs = [x, *chosen, gate_up, down]
    if isinstance(experts, BiasedExperts):
        inputs += [
            builder.array(f"{start}.gate_up_bias", experts.gate_up_bias(context.checkpoint)),
            builder.array(f"{start}.down_bias", experts.down_bias(context.checkpoint)),
        ]
    numbers: dict[str, float] = {
        name: value
        for name, value in (("alpha", spec.alpha), ("limit", spec.limit))
        if value is not None
    }
    return builder.node(
        "ExpertFFN",
        f"{start}.experts",
        inputs,
        domain=DOMAIN,
        attributes=numbers,
        activation=spec.activation,
        weight_format=weight_format,
        block=block,
        layout=LAYOUT,
        expert_hidden=experts.inner,
    )


_FLOAT, _INT32 = 1, 6  # onnx.TensorProto
