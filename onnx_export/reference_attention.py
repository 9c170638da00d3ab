"""Attention of the numpy reference, over a whole prompt at once."""

# n tokens, H query heads, G key/value heads, D head dim, R dimensions that turn, V of a value

from typing import TypeAlias

import numpy as np

from inference.manifest import DenseFormat
from onnx_export.arch.layers import GroupedAttention, LatentAttention, Linear, Vector
from onnx_export.arch.spec import DecoderSpec
from onnx_export.passes.latent_heads import LatentHeads
from onnx_export.passes.pad_heads import HeadPadding
from onnx_export.reference_weights import Floats, RoundedWeights, rms_norm, softmax

Angles: TypeAlias = tuple[Floats, Floats]  # cosines and sines [n, R / 2]


def grouped_attention(
    spec: DecoderSpec,
    weights: RoundedWeights,
    dense: DenseFormat,
    part: GroupedAttention,
    x: Floats,
    angles: Angles,
) -> Floats:
    """Return the attention branch of ``x [n, hidden]``."""

    def heads(linear: Linear, norm: Vector | None, count: int) -> Floats:
        y = weights.apply(linear, x, dense)
        if norm is not None:
            weight = weights.vector(norm)
            y = rms_norm(y.reshape(len(x), -1, norm.size), weight, spec.norm_eps)
        if part.clip is not None:
            y = np.clip(y, np.float32(-part.clip), np.float32(part.clip))
        return y.reshape(len(x), count, spec.head_dim)

    query = _halves_turned(heads(part.query, part.query_norm, spec.heads), angles)
    key = _halves_turned(heads(part.key, part.key_norm, spec.kv_heads), angles)
    value = heads(part.value, None, spec.kv_heads)
    group = spec.heads // spec.kv_heads
    sinks = None if part.sinks is None else weights.vector(part.sinks)
    mixed = _attend(
        spec,
        query,
        np.repeat(key, group, axis=1),
        np.repeat(value, group, axis=1),
        window=part.window,
        sinks=sinks,
    )
    # Blocks that share a scale run over the padded inputs, as they do in the graph.
    padding = HeadPadding(head_dim=spec.head_dim)
    w = weights.checkpoint.read(part.output.weight, (part.output.outputs, part.output.inputs))
    w = padding.without_padding(weights.rounded(padding.columns(w), dense))
    return weights.biased(part.output, np.asarray(mixed @ w.T))


def latent_attention(
    spec: DecoderSpec,
    weights: RoundedWeights,
    dense: DenseFormat,
    part: LatentAttention,
    x: Floats,
    angles: Angles,
) -> Floats:
    """Return the attention branch of ``x [n, hidden]``."""
    n = len(x)
    short = x
    if part.query_down is not None and part.query_norm is not None:
        short = weights.apply(part.query_down, x, dense)
        short = rms_norm(short, weights.vector(part.query_norm), part.norm_eps)
    query = weights.apply(part.query, short, dense).reshape(n, spec.heads, -1)
    still, turning = np.split(query, [part.nope], axis=-1)
    query = np.concatenate([still, _neighbours_turned(turning, angles)], axis=-1)

    latent, turning = np.split(weights.apply(part.kv_down, x, dense), [part.kv_norm.size], axis=-1)
    latent = rms_norm(latent, weights.vector(part.kv_norm), part.norm_eps)
    both = weights.apply(part.kv_up, latent, dense).reshape(n, spec.heads, -1)
    still, value = np.split(both, [part.nope], axis=-1)
    turned = _neighbours_turned(turning[:, None], angles)
    key = np.concatenate([still, np.repeat(turned, spec.heads, axis=1)], axis=-1)
    mixed = _attend(spec, query, key, value)

    heads = LatentHeads(
        heads=spec.heads,
        rope=part.rope,
        nope=part.nope,
        value=part.value,
        padded=HeadPadding(head_dim=spec.head_dim).padded,
    )
    w = weights.checkpoint.read(part.output.weight, (part.output.outputs, part.output.inputs))
    w = heads.without_padding(weights.rounded(heads.output_columns(w), dense))
    return weights.biased(part.output, np.asarray(mixed @ w.T))


def _attend(
    spec: DecoderSpec,
    query: Floats,
    key: Floats,
    value: Floats,
    *,
    window: int = 0,
    sinks: Floats | None = None,
) -> Floats:
    """Mix values ``[n, H, V]`` by queries and keys ``[n, H, D]``; returns ``[n, H * V]``."""
    n = len(query)
    scores = np.einsum("nhd,mhd->hnm", query, key) * np.float32(spec.attention_scale)
    seen = np.tri(n, dtype=bool)
    if window:
        seen &= ~np.tri(n, k=-window, dtype=bool)
    scores = np.where(seen, scores, -np.inf)
    if sinks is not None:
        column = np.broadcast_to(sinks[:, None, None], (len(sinks), n, 1))
        scores = np.concatenate([scores, column], axis=-1)
    shares = softmax(scores.astype(np.float32))[..., :n]
    return np.asarray(np.einsum("hnm,mhd->nhd", shares, value).reshape(n, -1))


def _halves_turned(x: Floats, angles: Angles) -> Floats:
    """Turn dimensions i and i + R / 2 of ``x [n, heads, R]``."""
    cosines, sines = (table[:, None] for table in angles)
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate(
        [first * cosines - second * sines, second * cosines + first * sines], axis=-1
    )


def _neighbours_turned(x: Floats, angles: Angles) -> Floats:
    """Turn dimensions 2 i and 2 i + 1 of ``x [n, heads, R]``."""
    cosines, sines = (table[:, None] for table in angles)
    even, odd = x[..., 0::2], x[..., 1::2]
    pairs = np.stack([even * cosines - odd * sines, odd * cosines + even * sines], axis=-1)
    return pairs.reshape(x.shape)
