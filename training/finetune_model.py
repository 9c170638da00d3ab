"""The network of a model directory with frozen weights and low-rank adapters, for fine-tuning."""

# B rows, S tokens of a row, T = B * S tokens, H hidden, P head dim, Q query heads, G key/value
# heads, E experts, K experts per token, I expert hidden, R rank, V vocabulary

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.manifest import Architecture
from onnx_export import Adapter, DecoderWeights, FrozenLayer, TunedLayer, TunedWeights
from training.causal_attention import causal_attention
from training.head import chunked_nats, cpu_slopes
from training.model import Output, balance_loss

CHUNK = 512
"""Tokens whose scores exist at once in a step: few enough for the caches."""

Floats = npt.NDArray[np.float32]


def _frozen(values: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))


def _trained(values: Floats) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(values.copy()))


def _array(tensor: Tensor) -> Floats:
    return np.array(tensor.detach().numpy(), np.float32)


class Projection(nn.Module):  # type: ignore[misc]
    """A frozen matrix and its adapter, which begins as no change."""

    def __init__(self, weight: Floats, adapter: Adapter | None, rank: int, seed: int) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.register_buffer("weight", _frozen(weight), persistent=False)
        if adapter is None:
            generator = torch.Generator().manual_seed(seed)
            down = torch.empty(rank, inputs).normal_(0.0, inputs**-0.5, generator=generator)
            adapter = Adapter(down=down.numpy(), up=np.zeros((outputs, rank), np.float32))
        self.down = _trained(adapter.down)
        self.up = _trained(adapter.up)

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] to [..., outputs]."""
        change = functional.linear(functional.linear(x, self.down), self.up)
        return functional.linear(x, self.weight) + change

    def adapter(self) -> Adapter:
        """Copy the adapter out."""
        return Adapter(down=_array(self.down), up=_array(self.up))


class TunedAttention(nn.Module):  # type: ignore[misc]
    """Grouped-query attention with a norm on each query and key head, as the graph computes it."""

    def __init__(
        self,
        sizes: Architecture,
        weights: DecoderWeights,
        index: int,
        rank: int,
    ) -> None:
        super().__init__()
        frozen, tuned = weights.frozen[index], weights.tuned.layers[index]
        self.sizes = sizes
        self.scale = weights.attention_scale
        self.eps = weights.head_norm_eps
        self.qkv = Projection(frozen.qkv, tuned.qkv, rank, 2 * index)
        self.output = Projection(frozen.output, tuned.output, rank, 2 * index + 1)
        self.query_norm = _trained(tuned.query_norm)
        self.key_norm = _trained(tuned.key_norm)

    def forward(self, x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        """[B, S, H] to [B, S, H], causal."""
        rows, length, _ = x.shape
        heads, kv_heads, wide = self.sizes.heads, self.sizes.kv_heads, self.sizes.head_dim
        parts = self.qkv(x).split([heads * wide, kv_heads * wide, kv_heads * wide], dim=-1)
        query, key, value = (part.view(rows, length, -1, wide).transpose(1, 2) for part in parts)
        query = functional.rms_norm(query, (wide,), self.query_norm.to(query.dtype), self.eps)
        key = functional.rms_norm(key, (wide,), self.key_norm.to(key.dtype), self.eps)
        query, key = _rotate(query, cosines, sines), _rotate(key, cosines, sines)
        groups = heads // kv_heads
        key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
        if query.dtype == torch.bfloat16 and torch.is_grad_enabled():
            query, key, value = (part.flatten(0, 1) for part in (query, key, value))
            mixed = causal_attention(query, key, value, self.scale).view(rows, heads, length, wide)
        else:
            mixed = functional.scaled_dot_product_attention(
                query, key, value, is_causal=True, scale=self.scale
            )
        return self.output(mixed.transpose(1, 2).reshape(rows, length, -1))


def _rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    low, high = x.chunk(2, dim=-1)
    cosines, sines = cosines.to(x.dtype), sines.to(x.dtype)
    return torch.cat((low * cosines - high * sines, high * cosines + low * sines), dim=-1)


class TunedExperts(nn.Module):  # type: ignore[misc]
    """Frozen SwiGLU experts behind a router that is trained."""

    def __init__(self, sizes: Architecture, frozen: FrozenLayer, router: Floats) -> None:
        super().__init__()
        self.sizes = sizes
        self.router = _trained(router)
        gate_up = np.concatenate([frozen.gate, frozen.up], axis=1)
        self.register_buffer("gate_up", _frozen(gate_up), persistent=False)
        self.register_buffer("down", _frozen(frozen.down), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[T, H] to [T, H], the balance loss [] and the load [E]."""
        num_chosen = self.sizes.experts_per_token
        with torch.autocast(x.device.type, enabled=False):  # routing stays in float32
            probabilities = functional.linear(x.float(), self.router).softmax(dim=-1)
        weights, chosen = probabilities.topk(num_chosen, dim=-1)
        if self.sizes.norm_topk:
            weights = weights / weights.sum(dim=-1, keepdim=True)
        balance, load = balance_loss(probabilities, chosen)
        order = chosen.flatten().argsort(stable=True)
        tokens = order // num_chosen
        counts = torch.bincount(chosen.flatten(), minlength=self.sizes.experts).tolist()
        outputs = []
        for part, gate_up, down in zip(
            x[tokens].split(counts), self.gate_up, self.down, strict=True
        ):
            gate, up = functional.linear(part, gate_up).chunk(2, dim=-1)
            outputs.append(functional.linear(functional.silu(gate) * up, down))
        y = torch.cat(outputs) * weights.flatten()[order].unsqueeze(-1)
        return torch.zeros_like(x).index_add(0, tokens, y.to(x.dtype)), balance, load


class TunedLayerModule(nn.Module):  # type: ignore[misc]
    """Attention and experts, each behind a norm and added to the stream."""

    def __init__(self, sizes: Architecture, weights: DecoderWeights, index: int, rank: int) -> None:
        super().__init__()
        tuned = weights.tuned.layers[index]
        self.eps = sizes.norm_eps
        self.input_norm = _trained(tuned.input_norm)
        self.attention = TunedAttention(sizes, weights, index, rank)
        self.post_attention_norm = _trained(tuned.post_attention_norm)
        self.experts = TunedExperts(sizes, weights.frozen[index], tuned.router)

    def forward(self, x: Tensor, cosines: Tensor, sines: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, S, H] to [B, S, H], the balance loss [] and the load [E]."""
        size = x.shape[-1:]
        normed = functional.rms_norm(x, size, self.input_norm, self.eps)
        x = x + self.attention(normed, cosines, sines)
        normed = functional.rms_norm(x, size, self.post_attention_norm, self.eps)
        y, balance, load = self.experts(normed.flatten(0, 1))
        return x + y.view_as(x), balance, load

    def tuned(self) -> TunedLayer:
        """Copy the trained weights out."""
        attention = self.attention
        return TunedLayer(
            input_norm=_array(self.input_norm),
            query_norm=_array(attention.query_norm),
            key_norm=_array(attention.key_norm),
            post_attention_norm=_array(self.post_attention_norm),
            router=_array(self.experts.router),
            qkv=attention.qkv.adapter(),
            output=attention.output.adapter(),
        )


class TunedModel(nn.Module):  # type: ignore[misc]
    """A decoder whose parameters are the adapters, the routers and the norms alone."""

    def __init__(self, sizes: Architecture, weights: DecoderWeights, *, rank: int) -> None:
        """Take over the weights; adapters that they lack begin as no change."""
        super().__init__()
        self.config = sizes
        self.register_buffer("embedding", _frozen(weights.embedding), persistent=False)
        self.register_buffer("cosines", _frozen(weights.cosines), persistent=False)
        self.register_buffer("sines", _frozen(weights.sines), persistent=False)
        self.layers = nn.ModuleList(
            TunedLayerModule(sizes, weights, index, rank) for index in range(sizes.layers)
        )
        self.norm = _trained(weights.tuned.final_norm)
        head = weights.embedding if weights.head is None else weights.head
        self.head = Projection(head, weights.tuned.head, rank, 2 * sizes.layers)

    def hidden_states(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, S] ids to [B, S, H] behind the last norm, balance [] and load [layers, E]."""
        _, length = ids.shape
        x = functional.embedding(ids, self.embedding)
        cosines, sines = self.cosines[:length], self.sines[:length]
        balances, loads = [], []
        for layer in self.layers:
            x, balance, load = layer(x, cosines, sines)
            balances.append(balance)
            loads.append(load)
        x = functional.rms_norm(x, x.shape[-1:], self.norm, self.config.norm_eps)
        return x, torch.stack(balances).mean(), torch.stack(loads).detach()

    def logits(self, ids: Tensor) -> Tensor:
        """[B, S] ids to [B, S, V]."""
        scores: Tensor = self.head(self.hidden_states(ids)[0])
        return scores

    def forward(self, ids: Tensor, targets: Tensor, ignore_id: int) -> Output:
        """Loss of the targets [B, S] given the ids [B, S]; targets of `ignore_id` do not count."""
        x, balance, load = self.hidden_states(ids)
        if torch.is_grad_enabled():
            x = x.flatten(0, 1)
            nats = chunked_nats(
                torch.cat((x, functional.linear(x, self.head.down).to(x.dtype)), dim=1),
                self.head.weight,
                targets.flatten(),
                ignore_id,
                chunk=CHUNK,
                rule=cpu_slopes,
                more=self.head.up,
            )
            return Output(nats, balance, load)
        keep = targets.flatten() != ignore_id
        scores = self.head(x.flatten(0, 1)[keep])
        nats = functional.cross_entropy(scores.float(), targets.flatten()[keep], reduction="sum")
        return Output(nats, balance, load)

    def tuned(self) -> TunedWeights:
        """Copy the trained weights out."""
        return TunedWeights(
            layers=tuple(layer.tuned() for layer in self.layers),
            final_norm=_array(self.norm),
            head=self.head.adapter(),
        )

    def snapshot(self) -> dict[str, Tensor]:
        """Copy the parameters, to go back to them."""
        return {name: tensor.clone() for name, tensor in self.state_dict().items()}

    def restore(self, snapshot: Mapping[str, Tensor]) -> None:
        """Take back what `snapshot` gave."""
        self.load_state_dict(dict(snapshot))
