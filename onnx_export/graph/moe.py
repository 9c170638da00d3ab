"""The mixture of experts of one layer: router logits, ExpertRouter, ExpertFFN."""

import numpy as np

from inference.ops.layout import LAYOUT
from onnx_export.arch.spec import LayerTensors
from onnx_export.graph.context import GraphContext
from onnx_export.graph.linear import linear
from onnx_export.pack import down_dims, gate_up_dims, packed_down, packed_gate_up

DOMAIN = "mixline"


def moe(context: GraphContext, layer: LayerTensors, index: int, x: str, effort: str) -> str:
    """Return the experts' branch of ``x [n, hidden]``, before the residual sum."""
    spec, plan, builder = context.spec, context.plan, context.builder
    start = f"layers.{index}.moe"
    router = context.read(layer.router, spec.experts, spec.hidden)
    logits = linear(context, f"{start}.logits", x, router, "f32")
    chosen = [f"{start}.expert_ids", f"{start}.expert_weights"]
    builder.node(
        "ExpertRouter",
        f"{start}.router",
        [logits, "", effort],
        chosen,
        domain=DOMAIN,
        k=spec.experts_per_token,
        scoring="softmax",
        normalize=int(spec.norm_topk),
        softmax_after_topk=0,
        n_group=0,
        topk_group=0,
        scale=1.0,
    )
    arguments = (context.checkpoint, spec, layer, plan.experts, plan.block)
    gate_up = builder.weight(
        f"{start}.gate_up",
        np.dtype(np.uint8),
        gate_up_dims(spec, plan.experts, plan.block),
        packed_gate_up(*arguments),
        mapped=True,
    )
    down = builder.weight(
        f"{start}.down",
        np.dtype(np.uint8),
        down_dims(spec, plan.experts, plan.block),
        packed_down(*arguments),
        mapped=True,
    )
    return builder.node(
        "ExpertFFN",
        f"{start}.experts",
        [x, *chosen, gate_up, down],
        domain=DOMAIN,
        activation="swiglu",
        weight_format=plan.experts,
        block=plan.block,
        layout=LAYOUT,
        expert_hidden=spec.expert_hidden,
    )
