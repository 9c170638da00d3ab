"""The output head, computed only where logits are asked for."""

import numpy as np

from onnx_export.graph.context import GraphContext
from onnx_export.graph.linear import matmul, store_table
from onnx_export.graph.rmsnorm import residual_rmsnorm


def head(
    context: GraphContext, x: str, branch: str, logit_positions: str, table: tuple[str, ...]
) -> None:
    """Add the output ``logits [m, vocab]`` of ``x + branch [n, hidden]`` at m of n positions.

    Args:
        context: the export.
        x: the residual stream before the last branch.
        branch: the last branch.
        logit_positions: i64 ``[m]``, each in 0..n-1.
        table: the stored embedding, which is the head where the two are tied.
    """
    spec, builder = context.spec, context.builder
    asked = [
        builder.node("Gather", f"head.{what}", [values, logit_positions])
        for what, values in (("residual", x), ("branch", branch))
    ]
    weight = context.read(spec.final_norm, spec.hidden) * np.float32(spec.logit_scale)
    normed, _ = residual_rmsnorm(context, "head.norm", asked[0], asked[1], weight)
    if spec.head is not None:
        table = store_table(context, "head", spec.head, context.plan.embedding)
    output = builder.output("logits", np.float32, ("m", spec.vocab))
    matmul(context, "head", normed, table, spec.vocab, spec.hidden, context.plan.embedding, output)
