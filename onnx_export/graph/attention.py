"""Grouped-query attention with QK-norm and RoPE over a KV cache that is written in place."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnx_export.arch.spec import DecoderSpec, LayerTensors
from onnx_export.attention_plan import INT8_BLOCK
from onnx_export.graph.context import GraphContext
from onnx_export.graph.linear import linear
from onnx_export.graph.rmsnorm import rmsnorm
from onnx_export.passes.pad_heads import HeadPadding

# n tokens, H heads, G key/value heads, D head dim of the checkpoint, P of the graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Values that all layers share."""

    past_len: str  # i32 []
    last_key: str  # i32 [1]: index of the last key, past_len + n - 1; GroupQueryAttention's
    num_keys: str  # i32 []: past_len + n; GroupQueryAttention's
    cosines: str
    sines: str


def positions(context: GraphContext, input_ids: str, past_len: str) -> Positions:
    """Compute what the attention operator wants to know from ``past_len`` and n."""
    spec, builder = context.spec, context.builder
    last = num_keys = ""
    if context.attention.operator == "group_query":
        n = builder.node("Shape", "positions.shape", [input_ids], start=1, end=2)
        n_i32 = builder.node("Cast", "positions.n", [n], to=_INT32)
        keys = builder.node("Add", "positions.keys", [n_i32, past_len])
        one = builder.array("positions.one", np.array([1], np.int32))
        last = builder.node("Sub", "positions.last_key", [keys, one])
        num_keys = builder.node("Squeeze", "positions.num_keys", [keys])
    padding = HeadPadding(head_dim=spec.head_dim)
    cosines, sines = rope_tables(spec)
    return Positions(
        past_len=past_len,
        last_key=last,
        num_keys=num_keys,
        cosines=builder.array("rope.cosines", padding.angles(cosines, 1.0)),
        sines=builder.array("rope.sines", padding.angles(sines, 0.0)),
    )


def rope_tables(
    spec: DecoderSpec,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return cosines and sines ``[context, D / 2]``; angles are rounded to f32 as transformers'."""
    exponents = np.arange(0, spec.head_dim, 2, dtype=np.float64) / spec.head_dim
    frequencies = (1.0 / spec.rope_theta**exponents).astype(np.float32)
    angles = np.arange(spec.context, dtype=np.float32)[:, None] * frequencies
    return np.cos(angles), np.sin(angles)


def attention(
    context: GraphContext, layer: LayerTensors, index: int, x: str, shared: Positions
) -> str:
    """Return the attention branch of ``x [n, hidden]``, before the residual sum."""
    spec, builder = context.spec, context.builder
    padding = HeadPadding(head_dim=spec.head_dim)
    start = f"layers.{index}.attention"
    projections = [
        padding.rows(context.read(name, heads * spec.head_dim, spec.hidden))
        for name, heads in (
            (layer.query, spec.heads),
            (layer.key, spec.kv_heads),
            (layer.value, spec.kv_heads),
        )
    ]
    joint = linear(context, f"{start}.qkv", x, np.concatenate(projections), context.plan.dense)
    sizes = builder.constant("attention.qkv_sizes", [w.shape[0] for w in projections])
    parts = [f"{start}.query", f"{start}.key", f"{start}.value"]
    builder.node("Split", f"{start}.split", [joint, sizes], parts, axis=1)
    query = _normed(context, parts[0], layer.query_norm, spec.heads)
    key = _normed(context, parts[1], layer.key_norm, spec.kv_heads)
    mix = _cached if context.attention.operator == "cached" else _group_query
    flat = mix(context, index, (query, key, parts[2]), shared)
    w = padding.columns(context.read(layer.output, spec.hidden, spec.heads * spec.head_dim))
    return linear(context, f"{start}.output", flat, w, context.plan.dense)


def _cached(
    context: GraphContext, index: int, tokens: tuple[str, str, str], shared: Positions
) -> str:
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
    inputs = [*tokens, *(past for past, _ in caches), shared.past_len, shared.cosines, shared.sines]
    if scales:
        inputs += ["", *(past for past, _ in scales)]  # no sinks
    name = f"layers.{index}.attention.mix"
    return builder.node(
        "CachedAttention",
        name,
        inputs,
        [name, *(present for _, present in caches + scales)],
        domain="mixline",
        num_heads=spec.heads,
        kv_heads=spec.kv_heads,
        head_dim=wide,
        scale=float(spec.head_dim**-0.5),
        kv_format=kv_format,
    )


def _group_query(
    context: GraphContext, index: int, tokens: tuple[str, str, str], shared: Positions
) -> str:
    """Call com.microsoft.GroupQueryAttention; queries and keys are ``[1, n, heads * P]``."""
    spec, builder = context.spec, context.builder
    wide = HeadPadding(head_dim=spec.head_dim).padded
    query, key, value = tokens
    value_shape = builder.constant("attention.value_shape", [1, -1, spec.kv_heads * wide])
    value = builder.node("Reshape", f"layers.{index}.attention.value_3d", [value, value_shape])
    caches = [_cache(context, index, part, np.float32, wide) for part in ("key", "value")]
    past = [name for name, _ in caches]
    start = f"layers.{index}.attention"
    mixed = builder.node(
        "GroupQueryAttention",
        f"{start}.mix",
        [query, key, value, *past, shared.last_key, shared.num_keys, shared.cosines, shared.sines],
        [f"{start}.mix", *(present for _, present in caches)],
        domain="com.microsoft",
        num_heads=spec.heads,
        kv_num_heads=spec.kv_heads,
        do_rotary=1,
        rotary_interleaved=0,
        scale=float(spec.head_dim**-0.5),
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


def _normed(context: GraphContext, x: str, weight_name: str, heads: int) -> str:
    """Normalise each head of ``x [n, heads * P]``, in the shape that the operator wants."""
    builder = context.builder
    padding = HeadPadding(head_dim=context.spec.head_dim)
    head_shape = builder.constant("attention.head_shape", [-1, padding.padded])
    by_head = builder.node("Reshape", f"{x}_heads", [x, head_shape])
    weight = padding.norm(context.read(weight_name, context.spec.head_dim))
    normed = rmsnorm(context, f"{x}_norm", by_head, weight, padding.epsilon(context.spec.norm_eps))
    batch = [1] if context.attention.operator == "group_query" else []
    shape = builder.constant(f"attention.shape_{heads}", [*batch, -1, heads * padding.padded])
    return builder.node("Reshape", f"{x}_tokens", [normed, shape])


_INT32 = 6  # onnx.TensorProto.INT32
