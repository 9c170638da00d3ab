"""Queries, keys and values of new tokens, in the shape that the attention operator takes."""

# n tokens, H heads, G key/value heads, D head dim of the checkpoint, P of the graph
# L size of a token's latent vector, R dimensions that turn, N that do not, V of a value head

from dataclasses import dataclass

import numpy as np

from onnx_export.arch.layers import GroupedAttention, LatentAttention, Vector
from onnx_export.graph.context import GraphContext
from onnx_export.graph.linear import Floats, linear
from onnx_export.graph.rmsnorm import rmsnorm
from onnx_export.passes.latent_heads import LatentHeads
from onnx_export.passes.pad_heads import HeadPadding


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What attention mixes, each ``[n, heads * P]``, and what comes behind it."""

    names: tuple[str, str, str]  # query, key, value
    output: Floats
    """The output's matrix, as wide as the graph's heads: ``[hidden, H * P]``."""
    sinks: str = ""
    window: int = 0
    rope: int = 0


def grouped_tokens(context: GraphContext, part: GroupedAttention, start: str, x: str) -> Tokens:
    """Project ``x [n, hidden]``; with GroupQueryAttention query and key are ``[1, n, ...]``."""
    spec, builder = context.spec, context.builder
    padding = HeadPadding(head_dim=spec.head_dim)
    linears = (part.query, part.key, part.value)
    matrices = [padding.rows(context.read(w.weight, w.outputs, w.inputs)) for w in linears]
    biases = [padding.vector(context.read(w.bias, w.outputs)) for w in linears if w.bias]
    joint = linear(
        context,
        f"{start}.qkv",
        x,
        np.concatenate(matrices),
        context.plan.dense,
        np.concatenate(biases) if biases else None,
    )
    sizes = builder.constant("attention.qkv_sizes", [w.shape[0] for w in matrices])
    names = [f"{start}.query", f"{start}.key", f"{start}.value"]
    builder.node("Split", f"{start}.split", [joint, sizes], names, axis=1)
    query, key, value = names
    query = _normed(context, query, part.query_norm, spec.heads)
    key = _normed(context, key, part.key_norm, spec.kv_heads)
    if part.clip is not None:
        low, high = (
            builder.constant(f"attention.clip_{what}", limit)
            for what, limit in (("low", -part.clip), ("high", part.clip))
        )
        query, key, value = (
            builder.node("Clip", f"{name}_clipped", [name, low, high])
            for name in (query, key, value)
        )
    output = context.read(part.output.weight, part.output.outputs, part.output.inputs)
    return Tokens(
        names=(_batched(context, query, spec.heads), _batched(context, key, spec.kv_heads), value),
        output=padding.columns(output),
        sinks=_vector(context, f"{start}.sinks", part.sinks),
        window=part.window,
        rope=part.rope,
    )


def latent_tokens(context: GraphContext, part: LatentAttention, start: str, x: str) -> Tokens:
    """Expand the latent vectors of ``x [n, hidden]`` to a key and a value for every head."""
    spec, builder, dense = context.spec, context.builder, context.plan.dense
    heads = LatentHeads(
        heads=spec.heads,
        rope=part.rope,
        nope=part.nope,
        value=part.value,
        padded=HeadPadding(head_dim=spec.head_dim).padded,
    )

    def read(of: str, outputs: int, inputs: int) -> Floats:
        return context.read(of, outputs, inputs)

    def bias(of: str | None, outputs: int) -> Floats | None:
        return None if of is None else context.read(of, outputs)

    down = part.query_down
    if down is not None and part.query_norm is not None:
        w = read(down.weight, down.outputs, down.inputs)
        short = linear(context, f"{start}.query_down", x, w, dense, bias(down.bias, down.outputs))
        weight = context.read(part.query_norm.name, part.query_norm.size)
        query_in = rmsnorm(context, f"{start}.query_norm", short, weight, part.norm_eps)
    else:
        query_in = x
    w = heads.query_rows(read(part.query.weight, part.query.outputs, part.query.inputs))
    query = linear(context, f"{start}.query", query_in, w, dense)

    w = heads.turning_rows(read(part.kv_down.weight, part.kv_down.outputs, part.kv_down.inputs))
    added = bias(part.kv_down.bias, part.kv_down.outputs)
    if added is not None:
        added = heads.turning_rows(added[:, None])[:, 0]
    both = linear(context, f"{start}.kv_down", x, w, dense, added)
    sizes = builder.constant("attention.latent_sizes", [part.kv_norm.size, part.rope])
    names = [f"{start}.latent", f"{start}.key_turning"]
    builder.node("Split", f"{start}.latent_split", [both, sizes], names, axis=1)
    weight = context.read(part.kv_norm.name, part.kv_norm.size)
    latent = rmsnorm(context, f"{start}.kv_norm", names[0], weight, part.norm_eps)
    keys, values = heads.key_value_rows(
        read(part.kv_up.weight, part.kv_up.outputs, part.kv_up.inputs)
    )
    joint = linear(context, f"{start}.kv_up", latent, np.concatenate([keys, values]), dense)
    sizes = builder.constant("attention.kv_sizes", [len(keys), len(values)])
    parts = [f"{start}.key_still", f"{start}.value"]
    builder.node("Split", f"{start}.kv_split", [joint, sizes], parts, axis=1)
    output = read(part.output.weight, part.output.outputs, part.output.inputs)
    return Tokens(
        names=(query, _joined_keys(context, start, names[1], parts[0], part.rope), parts[1]),
        output=heads.output_columns(output),
    )


def _joined_keys(context: GraphContext, start: str, turning: str, still: str, rope: int) -> str:
    """Put ``turning [n, R]``, the same for every head, before ``still [n, H * (P - R)]``."""
    spec, builder = context.spec, context.builder
    wide = HeadPadding(head_dim=spec.head_dim).padded
    one = builder.node(
        "Reshape",
        f"{start}.key_turning_head",
        [turning, builder.constant("attention.one_head", [-1, 1, rope])],
    )
    every = builder.node(
        "Gather",
        f"{start}.key_turning_heads",
        [one, builder.constant("attention.first_head", [0] * spec.heads)],
        axis=1,
    )
    by_head = builder.node(
        "Reshape",
        f"{start}.key_still_heads",
        [still, builder.constant("attention.still_heads", [-1, spec.heads, wide - rope])],
    )
    joined = builder.node("Concat", f"{start}.key_heads", [every, by_head], axis=2)
    flat = builder.constant("attention.flat_keys", [-1, spec.heads * wide])
    return builder.node("Reshape", f"{start}.key", [joined, flat])


def _vector(context: GraphContext, name: str, part: Vector | None) -> str:
    if part is None:
        return ""
    return context.builder.array(name, context.read(part.name, part.size))


def _normed(context: GraphContext, x: str, norm: Vector | None, heads: int) -> str:
    """Normalise ``x [n, heads * P]``: each head, or all together if the norm is as wide."""
    if norm is None:
        return x
    spec, builder = context.spec, context.builder
    padding = HeadPadding(head_dim=spec.head_dim)
    weight = padding.norm(context.read(norm.name, norm.size))
    epsilon = padding.epsilon(spec.norm_eps)
    if norm.size != spec.head_dim:
        return rmsnorm(context, f"{x}_norm", x, weight, epsilon)
    head_shape = builder.constant("attention.head_shape", [-1, padding.padded])
    by_head = builder.node("Reshape", f"{x}_heads", [x, head_shape])
    normed = rmsnorm(context, f"{x}_norm", by_head, weight, epsilon)
    if context.attention.operator == "group_query":
        return normed  # gets its shape below
    shape = builder.constant(f"attention.shape_{heads}", [-1, heads * padding.padded])
    return builder.node("Reshape", f"{x}_tokens", [normed, shape])


def _batched(context: GraphContext, x: str, heads: int) -> str:
    """Give GroupQueryAttention the batch of one that it asks for."""
    if context.attention.operator != "group_query":
        return x
    wide = HeadPadding(head_dim=context.spec.head_dim).padded
    shape = context.builder.constant(f"attention.batch_{heads}", [1, -1, heads * wide])
    return context.builder.node("Reshape", f"{x}_batch", [x, shape])
