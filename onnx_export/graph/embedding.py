"""Token ids to vectors; the same stored bytes serve a tied head."""

from onnx_export.graph.context import GraphContext
from onnx_export.graph.linear import store_table

# n tokens, G blocks of a row

ZERO_POINT = 128.0  # of 8-bit values as MatMulNBits stores them


def embedding(context: GraphContext, ids: str) -> tuple[str, tuple[str, ...]]:
    """Look up ``ids [n]``.

    Returns:
        The vectors ``[n, hidden]``, and the names of the stored table.
    """
    spec, plan, builder = context.spec, context.plan, context.builder
    stored = store_table(context, "embedding", spec.embedding, plan.embedding)
    if plan.embedding == "f32":
        return builder.node("Gather", "embedding", [stored[0], ids]), stored
    values, scales = stored
    blocks = -(-spec.hidden // plan.block)
    rows = builder.node("Gather", "embedding.rows", [values, ids])
    row_scales = builder.node("Gather", "embedding.row_scales", [scales, ids])
    shape = builder.constant("embedding.scale_shape", [0, blocks, 1])
    per_block = builder.node("Reshape", "embedding.block_scales", [row_scales, shape])
    floats = builder.node("Cast", "embedding.floats", [rows], to=_FLOAT)
    zero = builder.constant("embedding.zero_point", ZERO_POINT)
    centred = builder.node("Sub", "embedding.centred", [floats, zero])
    scaled = builder.node("Mul", "embedding.scaled", [centred, per_block])
    flat_shape = builder.constant("embedding.flat_shape", [0, blocks * plan.block])
    flat = builder.node("Reshape", "embedding.flat", [scaled, flat_shape])
    if blocks * plan.block == spec.hidden:
        return flat, stored
    bounds = [
        builder.constant(f"embedding.slice_{what}", [value])
        for what, value in (("start", 0), ("end", spec.hidden), ("axis", 1))
    ]
    return builder.node("Slice", "embedding", [flat, *bounds]), stored


_FLOAT = 1  # onnx.TensorProto.FLOAT
