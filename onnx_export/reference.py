"""The decoder in numpy, straight from the checkpoint: slow, plain, and what exports are checked by.

Follows transformers' decoders step by step. With a plan, matrices are rounded as the exporter
rounds them, but activations stay f32.
"""

# n tokens, E experts, K experts per token

import numpy as np
import numpy.typing as npt

from inference.manifest import ExpertFormat, Quantization
from onnx_export.arch.experts import BiasedExperts, Experts, SeparateExperts
from onnx_export.arch.layers import GroupedAttention, LatentAttention, Linear, Mixture
from onnx_export.arch.spec import DecoderSpec
from onnx_export.checkpoint import Checkpoint
from onnx_export.quantize.plan import PLANS
from onnx_export.reference_attention import Angles, grouped_attention, latent_attention
from onnx_export.reference_weights import Floats, RoundedWeights, rms_norm, sigmoid, softmax


class ReferenceDecoder:
    """Computes logits for a whole prompt at once."""

    def __init__(
        self, checkpoint: Checkpoint, spec: DecoderSpec, plan: Quantization = PLANS["fp32"]
    ) -> None:
        self._spec = spec
        self._plan = plan
        self._weights = RoundedWeights(checkpoint=checkpoint, block=plan.block)

    def logits(self, ids: npt.NDArray[np.int64]) -> Floats:
        """Return logits ``[n, vocab]`` behind each of ``ids [n]``."""
        spec, weights = self._spec, self._weights
        angles = [rope.tables(len(ids)) for rope in spec.ropes]
        table = weights.matrix(spec.embedding, spec.vocab, spec.hidden, self._plan.embedding)
        x = table[ids] * np.float32(spec.embedding_scale)
        for layer in spec.layers:
            normed = rms_norm(x, weights.vector(layer.input_norm), spec.norm_eps)
            branch = self._attention(layer.attention, normed, angles)
            x = x + branch * np.float32(spec.residual_scale)
            normed = rms_norm(x, weights.vector(layer.post_attention_norm), spec.norm_eps)
            branch = self._feed_forward(layer.feed_forward, normed)
            x = x + branch * np.float32(spec.residual_scale)
        if spec.head is not None:
            table = weights.matrix(spec.head, spec.vocab, spec.hidden, self._plan.embedding)
        x = rms_norm(x, weights.checkpoint.read(spec.final_norm, (spec.hidden,)), spec.norm_eps)
        return np.asarray(x @ table.T * np.float32(spec.logit_scale))

    def _attention(
        self, part: GroupedAttention | LatentAttention, x: Floats, angles: list[Angles]
    ) -> Floats:
        spec, weights, dense = self._spec, self._weights, self._plan.dense
        if isinstance(part, LatentAttention):
            return latent_attention(spec, weights, dense, part, x, angles[0])
        return grouped_attention(spec, weights, dense, part, x, angles[part.rope])

    def _feed_forward(self, part: Mixture | SeparateExperts, x: Floats) -> Floats:
        dense = self._plan.dense
        if not isinstance(part, Mixture):
            return self._expert(part, 0, x, dense)
        chosen, shares = self._route(part.router, x)
        y = np.zeros_like(x)
        for expert in np.unique(chosen):
            tokens, slots = np.nonzero(chosen == expert)
            out = self._expert(part.experts, int(expert), x[tokens], self._plan.experts)
            y[tokens] += out * shares[tokens, slots, None]
        if part.shared is not None:
            out = self._expert(part.shared.experts, 0, x, dense)
            gate = part.shared.gate
            y += out if gate is None else out * sigmoid(self._weights.apply(gate, x, "f32"))
        return y

    def _route(self, router: Linear, x: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
        """Return the chosen experts and their weights, both ``[n, K]``."""
        spec, routing = self._spec, self._spec.routing
        logits = self._weights.apply(router, x, "f32")
        scores = logits if routing.softmax_after_topk else softmax(logits)
        choice = scores
        if routing.n_group:
            groups = scores.reshape(len(x), routing.n_group, -1)
            best = np.argsort(-groups.max(axis=-1), axis=-1, kind="stable")
            is_open = np.zeros(groups.shape[:2], dtype=bool)
            np.put_along_axis(is_open, best[:, : routing.topk_group], values=True, axis=-1)
            choice = np.where(is_open[..., None], groups, -np.inf).reshape(scores.shape)
        chosen = np.argsort(-choice, axis=-1, kind="stable")[:, : spec.experts_per_token]
        shares = np.take_along_axis(scores, chosen, axis=-1)
        if routing.softmax_after_topk:
            shares = softmax(shares)
        if routing.normalize:
            shares = shares / shares.sum(axis=-1, keepdims=True)
        return chosen, shares * np.float32(routing.scale)

    def _expert(
        self, experts: Experts, expert: int, x: Floats, weight_format: ExpertFormat
    ) -> Floats:
        checkpoint, rounded = self._weights.checkpoint, self._weights.rounded
        gate_w, up_w = experts.gate_up(checkpoint, expert)
        gate, up = x @ rounded(gate_w, weight_format).T, x @ rounded(up_w, weight_format).T
        if isinstance(experts, BiasedExperts):
            added = experts.gate_up_bias(checkpoint)[expert]
            gate, up = gate + added[: experts.inner], up + added[experts.inner :]
        y = self._activated(gate, up) @ rounded(experts.down(checkpoint, expert), weight_format).T
        if isinstance(experts, BiasedExperts):
            y = y + experts.down_bias(checkpoint)[expert]
        return np.asarray(y)

    def _activated(self, gate: Floats, up: Floats) -> Floats:
        """Apply the formulas of docs/operators.md."""
        spec = self._spec
        if spec.alpha is None or spec.limit is None:
            return np.asarray(gate * sigmoid(gate) * up)
        gate = np.minimum(gate, np.float32(spec.limit))
        up = np.clip(up, -np.float32(spec.limit), np.float32(spec.limit))
        return np.asarray(gate * sigmoid(np.float32(spec.alpha) * gate) * (up + 1))
