"""The whole decoder graph, from token ids to logits."""

import numpy as np

from onnx_export.graph.attention import attention, positions
from onnx_export.graph.context import GraphContext
from onnx_export.graph.embedding import embedding
from onnx_export.graph.feed_forward import EveryToken, feed_forward
from onnx_export.graph.head import head
from onnx_export.graph.linear import scaled
from onnx_export.graph.rmsnorm import residual_rmsnorm, rmsnorm


def decoder(context: GraphContext) -> None:
    """Add inputs, layers and outputs as docs/model-directory.md lists them."""
    spec, builder = context.spec, context.builder
    input_ids = builder.input("input_ids", np.int64, (1, "n"))
    past_len = builder.input("past_len", np.int32, ())
    logit_positions = builder.input("logit_positions", np.int64, ("m",))
    effort = builder.input("effort", np.float32, ())

    ids = builder.node("Reshape", "ids", [input_ids, builder.constant("ids.shape", [-1])])
    shared = positions(context, input_ids, past_len)
    x, table = embedding(context, ids)
    x = scaled(context, "embedding.scaled_up", x, spec.embedding_scale)
    every = EveryToken(context, ids)
    branch = ""
    for index, layer in enumerate(spec.layers):
        start = f"layers.{index}"
        weight = context.read(layer.input_norm.name, spec.hidden)
        if not branch:
            normed = rmsnorm(context, f"{start}.input_norm", x, weight, spec.norm_eps)
        else:
            normed, x = residual_rmsnorm(context, f"{start}.input_norm", x, branch, weight)
        attended = attention(context, layer, index, normed, shared)
        attended = scaled(context, f"{start}.attention.scaled", attended, spec.residual_scale)
        weight = context.read(layer.post_attention_norm.name, spec.hidden)
        normed, x = residual_rmsnorm(context, f"{start}.post_attention_norm", x, attended, weight)
        branch = feed_forward(context, layer, index, normed, effort, every)
        branch = scaled(context, f"{start}.feed_forward.scaled", branch, spec.residual_scale)
    head(context, x, branch, logit_positions, table)
