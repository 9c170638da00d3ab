"""Attention with RoPE over a KV cache that is written in place."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnx_export.arch.layers import GroupedAttention, LayerTensors
from onnx_export.attention_plan import INT8_BLOCK
from onnx_export.graph.context import GraphContext
from onnx_export.graph.linear import linear
from onnx_export.graph.projections import Tokens, grouped_tokens, latent_tokens
from onnx_export.passes.pad_heads import HeadPadding

# n tokens, H heads, G key/value heads, D head dim of the checkpoint, P of the graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Values that all layers share."""

    past_len: str  # i32 []
    last_key: str  # i32 [1]: index of the last key, past_len + n - 1; GroupQueryAttention's
    num_keys: str  # i32 []: past_len + n; GroupQueryAttention's
    angles: tuple[tuple[str, str], ...]  # cosines and sines of each RoPE of the model


def positions(context: GraphContext, input_ids: str, past_len: str) -> Positions:
    """Compute what the attention operator wants to know from ``past_len`` and n."""
    builder = context.builder
    last = num_keys = ""
    if context.attention.operator == "group_query":
        n = builder.node("Shape", "positions.shape", [input_ids], start=1, end=2)
        n_i32 = builder.node("Cast", "positions.n", [n], to=_INT32)
        keys = builder.node("Add", "positions.keys", [n_i32, past_len])
        one = builder.array("positions.one", np.array([1], np.int32))
        last = builder.node("Sub", "positions.last_key", [keys, one])
        num_keys = builder.node("Squeeze", "positions.num_keys", [keys])
    return Positions(
        past_len=past_len,
        last_key=last,
        num_keys=num_keys,
        angles=tuple(_angles(context, index) for index in range(len(context.spec.ropes))),
    )


def _angles(context: GraphContext, index: int) -> tuple[str, str]:
    """Store the tables of one RoPE; of a head that turns as a whole they are as wide as it is."""
    spec, builder = context.spec, context.builder
    rope = spec.ropes[index]
    cosines, sines = rope.tables(spec.context)
    if rope.dims == spec.head_dim:
        padding = HeadPadding(head_dim=spec.head_dim)
        cosines, sines = padding.angles(cosines, 1.0), padding.angles(sines, 0.0)
    start = f"rope.{index}" if index else "rope"
    return builder.array(f"{start}.cosines", cosines), builder.array(f"{start}.sines", sines)


def attention(
    context: GraphContext, layer: LayerTensors, index: int, x: str, shared: Positions
) -> str:
    """Return the attention branch of ``x [n, hidden]``, before the residual sum."""
    start = f"layers.{index}.attention"
    part = layer.attention
    if isinstance(part, GroupedAttention):
        tokens = grouped_tokens(context, part, start, x)
    else:
        tokens = latent_tokens(context, part, start, x)
    mix = _cached if context.attention.operator == "cached" else _group_query
    flat = mix(context, index, tokens, shared)
    bias = part.output.bias
    return linear(
        context,
        f"{start}.output",
        flat,
        tokens.output,
        context.plan.dense,
        None if bias is None else context.read(bias, part.output.outputs),
    )


def _cached(context: GraphContext, index: int, tokens: Tokens, shared: Positions) -> str:
    """Call mixline.CachedAttention; queries, keys and values are ``[n, heads * P]`` each."""
    spec, builder = context.spec, context.builder
    wide = HeadPadding(head_dim=spec.head_dim).padded
    kv_format = context.attention.kv_format
    dtype = np.int8 if kv_format == "int8" else np.float32
    caches = [_cache(context, index, part, dtype, wide) for part in ("key", "value")]
    scales: list[tuple[str, str]] = []
    if kv_format == "int8":
        blocks = wide // INT8_BLOCK
        scales = [
            _cache(context, index, part, np.float32, blocks)
            for part in ("key_scale", "value_scale")
        ]
    inputs = [*tokens.names, *(past for past, _ in caches), shared.past_len]
    inputs += shared.angles[tokens.rope]
    if tokens.sinks or scales:
        inputs += [tokens.sinks, *(past for past, _ in scales)]
    name = f"layers.{index}.attention.mix"
    return builder.node(
        "CachedAttention",
        name,
        inputs,
        [name, *(present for _, present in caches + scales)],
        domain="mixline",
        attributes={"window": tokens.window} if tokens.window else {},
        num_heads=spec.heads,
        kv_heads=spec.kv_heads,
        head_dim=wide,
        scale=spec.attention_scale,
        kv_format=kv_format,
    )


def _group_query(context: GraphContext, index: int, tokens: Tokens, shared: Positions) -> str:
    """Call com.microsoft.GroupQueryAttention, which takes ``[1, n, heads * P]``."""
    spec, builder = context.spec, context.builder
    wide = HeadPadding(head_dim=spec.head_dim).padded
    query, key, value = tokens.names
    value_shape = builder.constant("attention.value_shape", [1, -1, spec.kv_heads * wide])
    value = builder.node("Reshape", f"layers.{index}.attention.value_3d", [value, value_shape])
    caches = [_cache(context, index, part, np.float32, wide) for part in ("key", "value")]
    past = [name for name, _ in caches]
    start = f"layers.{index}.attention"
    mixed = builder.node(
        "GroupQueryAttention",
        f"{start}.mix",
        [query, key, value, *past, shared.last_key, shared.num_keys, *shared.angles[0]],
        [f"{start}.mix", *(present for _, present in caches)],
        domain="com.microsoft",
        num_heads=spec.heads,
        kv_num_heads=spec.kv_heads,
        do_rotary=1,
        rotary_interleaved=0,
        scale=spec.attention_scale,
    )
    flat_shape = builder.constant("attention.flat_shape", [-1, spec.heads * wide])
    return builder.node("Reshape", f"{start}.flat", [mixed, flat_shape])


def _cache(
    context: GraphContext, index: int, part: str, dtype: npt.DTypeLike, width: int
) -> tuple[str, str]:
    """Declare past and present of one of a layer's buffers."""
    shape = (1, context.spec.kv_heads, "capacity", width)
    return (
        context.builder.input(f"past_{index}_{part}", dtype, shape),
        context.builder.output(f"present_{index}_{part}", dtype, shape),
    )


_INT32 = 6  # onnx.TensorProto.INT32
