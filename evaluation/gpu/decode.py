"""Decoding with a random model of gpt-oss-20b's sizes: torch for attention, our experts.

Not ONNX Runtime: what the operators allow, not what the server reaches.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch.nn import functional

from evaluation.gpu.launch import Operators
from evaluation.gpu.layer import Layer, draw_weights
from evaluation.gpu.measure import TorchBuffer, TorchMemory
from evaluation.gpu.report import Decode
from evaluation.operators.shapes import OpShape

FORMAT: Final = "mxfp4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What the experts' shape leaves open."""

    layers: int = 24
    heads: int = 64
    kv_heads: int = 8
    head_dim: int = 64
    vocab: int = 201_088
    past: int = 1024  # positions that are attended to

    def dense_parameters(self, shape: OpShape) -> int:
        """Parameters outside the experts, the embedding among them; the head is apart from it."""
        qkv = (self.heads + 2 * self.kv_heads) * self.head_dim
        layer = shape.hidden * (qkv + self.heads * self.head_dim + shape.experts)
        return self.layers * layer + 2 * self.vocab * shape.hidden


class RandomModel:
    """Weights drawn once; the same experts' values in every layer, at addresses of their own."""

    def __init__(
        self, operators: Operators, memory: TorchMemory, shape: OpShape, sizes: Sizes
    ) -> None:
        """Make the model in that memory."""
        self.shape, self.sizes = shape, sizes
        device = memory.device
        rng = np.random.default_rng(0)
        weights = draw_weights(shape, FORMAT, rng)
        self.bytes_per_expert = weights.bytes_per_expert
        self._layers = [
            Layer(operators, memory, shape, FORMAT, weights) for _ in range(sizes.layers)
        ]
        qkv = (sizes.heads + 2 * sizes.kv_heads) * sizes.head_dim

        def dense(rows: int, columns: int) -> torch.Tensor:
            return torch.randn(rows, columns, dtype=torch.float16, device=device) * columns**-0.5

        hidden = shape.hidden
        self._dense = [
            (dense(qkv, hidden), dense(hidden, sizes.heads * sizes.head_dim),
             dense(shape.experts, hidden))
            for _ in range(sizes.layers)
        ]  # fmt: skip
        cache = (1, sizes.kv_heads, sizes.past, sizes.head_dim)
        self._caches = [
            tuple(torch.randn(cache, dtype=torch.float16, device=device) for _ in range(2))
            for _ in range(sizes.layers)
        ]
        self._head = dense(sizes.vocab, hidden)
        self._embedding = dense(sizes.vocab, hidden)
        self._norm = torch.ones(hidden, dtype=torch.float16, device=device)
        k = shape.experts_per_token
        self._ids = torch.zeros((1, k), dtype=torch.int32, device=device)
        self._shares = torch.zeros((1, k), dtype=torch.float32, device=device)
        self.token = torch.zeros((1,), dtype=torch.int64, device=device)

    def step(self) -> None:
        """Launch one token; `token` becomes the likeliest one after it."""
        sizes, hidden = self.sizes, self.shape.hidden
        stream = self._embedding[self.token]
        ids, shares = TorchBuffer(tensor=self._ids), TorchBuffer(tensor=self._shares)
        for experts, (qkv, out, router), caches in zip(
            self._layers, self._dense, self._caches, strict=True
        ):
            heads = functional.linear(functional.rms_norm(stream, (hidden,), self._norm), qkv)
            width = sizes.heads * sizes.head_dim
            query = heads[:, :width].view(1, sizes.heads, 1, sizes.head_dim)
            for cache, new in zip(caches, heads[:, width:].chunk(2, dim=1), strict=True):
                cache[:, :, -1] = new.view(1, sizes.kv_heads, sizes.head_dim)
            mixed = functional.scaled_dot_product_attention(
                query, caches[0], caches[1], enable_gqa=True
            )
            stream = stream + functional.linear(mixed.reshape(1, width), out)
            x = functional.rms_norm(stream, (hidden,), self._norm)
            logits = functional.linear(x, router).float()
            y = torch.empty_like(x)
            experts.route(TorchBuffer(tensor=logits), ids, shares, 1)
            experts.run(
                experts.prepare(TorchBuffer(tensor=x), ids, shares, TorchBuffer(tensor=y), 1)
            )
            stream = stream + y
        final = functional.rms_norm(stream, (hidden,), self._norm)
        self.token.copy_(functional.linear(final, self._head).argmax(dim=1))


def measure_decode(
    operators: Operators, memory: TorchMemory, shape: OpShape, sizes: Sizes
) -> Decode:
    """Return tokens/s of greedy decoding, a token a CUDA graph; its bytes are weights and keys."""
    model = RandomModel(operators, memory, shape, sizes)
    ms = memory.time(model.step, 1)
    dense = sizes.dense_parameters(shape)
    read_dense = 2 * (dense - sizes.vocab * shape.hidden)  # of the embedding one row
    keys = 2 * 2 * sizes.layers * sizes.kv_heads * sizes.past * sizes.head_dim
    experts = sizes.layers * shape.experts_per_token * model.bytes_per_expert
    per_layer = shape.expert_weights
    return Decode(
        tokens_per_s=1e3 / ms,
        bytes_per_token=read_dense + keys + experts,
        total_parameters=dense + sizes.layers * shape.experts * per_layer,
        active_parameters=dense
        - sizes.vocab * shape.hidden
        + sizes.layers * shape.experts_per_token * per_layer,
    )
