"""The decoder in numpy, straight from the checkpoint: slow, plain, and what exports are checked by.

Follows transformers' Qwen3MoeForCausalLM step by step. With a plan, matrices are rounded as the
exporter rounds them, but activations stay f32.
"""

# n tokens, H query heads, G key/value heads, D head dim, K experts per token

import numpy as np
import numpy.typing as npt

from inference.manifest import ExpertFormat, Quantization
from inference.ops.layout import dequantize, quantize
from onnx_export.arch.spec import DecoderSpec, LayerTensors
from onnx_export.checkpoint import Checkpoint
from onnx_export.graph.attention import rope_tables
from onnx_export.passes.pad_heads import HeadPadding
from onnx_export.quantize.plan import PLANS

Floats = npt.NDArray[np.float32]


class ReferenceDecoder:
    """Computes logits for a whole prompt at once."""

    def __init__(
        self, checkpoint: Checkpoint, spec: DecoderSpec, plan: Quantization = PLANS["fp32"]
    ) -> None:
        self._checkpoint = checkpoint
        self._spec = spec
        self._plan = plan
        self._cosines, self._sines = rope_tables(spec)

    def logits(self, ids: npt.NDArray[np.int64]) -> Floats:
        """Return logits ``[n, vocab]`` behind each of ``ids [n]``."""
        spec = self._spec
        table = self._matrix(spec.embedding, self._plan.embedding, spec.vocab, spec.hidden)
        x = table[ids]
        for layer in spec.layers:
            x = x + self._attention(layer, self._norm(x, layer.input_norm))
            x = x + self._experts(layer, self._norm(x, layer.post_attention_norm))
        if spec.head is not None:
            table = self._matrix(spec.head, self._plan.embedding, spec.vocab, spec.hidden)
        return np.asarray(self._norm(x, spec.final_norm) @ table.T)

    def _matrix(self, name: str, weight_format: ExpertFormat, rows: int, columns: int) -> Floats:
        return self._rounded(self._checkpoint.read(name, (rows, columns)), weight_format)

    def _rounded(self, w: Floats, weight_format: ExpertFormat) -> Floats:
        if weight_format == "f32":
            return w
        block = self._plan.block
        return dequantize(*quantize(w, weight_format, block), block)

    def _norm(self, x: Floats, weight: str) -> Floats:
        w = self._checkpoint.read(weight, x.shape[-1:])
        mean_square = np.mean(np.square(x), axis=-1, keepdims=True)
        return np.asarray(w * (x / np.sqrt(mean_square + np.float32(self._spec.norm_eps))))

    def _attention(self, layer: LayerTensors, x: Floats) -> Floats:
        spec, dense = self._spec, self._plan.dense
        n = x.shape[0]

        def project(name: str, heads: int) -> Floats:
            w = self._matrix(name, dense, heads * spec.head_dim, spec.hidden)
            return (x @ w.T).reshape(n, heads, spec.head_dim)

        query = self._rotate(self._norm(project(layer.query, spec.heads), layer.query_norm))
        key = self._rotate(self._norm(project(layer.key, spec.kv_heads), layer.key_norm))
        value = project(layer.value, spec.kv_heads)
        group = spec.heads // spec.kv_heads
        key, value = np.repeat(key, group, axis=1), np.repeat(value, group, axis=1)
        scores = np.einsum("nhd,mhd->hnm", query, key) * np.float32(spec.head_dim**-0.5)
        scores = np.where(np.tri(n, dtype=bool), scores, -np.inf)
        mixed = np.einsum("hnm,mhd->nhd", _softmax(scores), value).reshape(n, -1)
        # Blocks that share a scale run over the padded inputs, as they do in the graph.
        padding = HeadPadding(head_dim=spec.head_dim)
        w = self._checkpoint.read(layer.output, (spec.hidden, spec.heads * spec.head_dim))
        w = padding.without_padding(self._rounded(padding.columns(w), dense))
        return np.asarray(mixed @ w.T)

    def _rotate(self, x: Floats) -> Floats:
        n = x.shape[0]
        cosines, sines = self._cosines[:n, None], self._sines[:n, None]
        first, second = np.split(x, 2, axis=-1)
        return np.concatenate(
            [first * cosines - second * sines, second * cosines + first * sines], axis=-1
        )

    def _experts(self, layer: LayerTensors, x: Floats) -> Floats:
        spec, plan = self._spec, self._plan
        router = self._matrix(layer.router, "f32", spec.experts, spec.hidden)
        shares = _softmax(x @ router.T)
        chosen = np.argsort(-shares, axis=-1, kind="stable")[:, : spec.experts_per_token]
        weights = np.take_along_axis(shares, chosen, axis=-1)
        if spec.norm_topk:
            weights = weights / weights.sum(axis=-1, keepdims=True)
        y = np.zeros_like(x)
        up_shape, down_shape = (spec.expert_hidden, spec.hidden), (spec.hidden, spec.expert_hidden)
        for expert in np.unique(chosen):
            tokens, slots = np.nonzero(chosen == expert)
            gate = x[tokens] @ self._matrix(layer.gates[expert], plan.experts, *up_shape).T
            up = x[tokens] @ self._matrix(layer.ups[expert], plan.experts, *up_shape).T
            inner = gate * (1 + np.tanh(gate / 2)) / 2 * up  # silu without overflow
            out = inner @ self._matrix(layer.downs[expert], plan.experts, *down_shape).T
            y[tokens] += out * weights[tokens, slots, None]
        return y


def _softmax(x: Floats) -> Floats:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))
