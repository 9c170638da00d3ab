"""The network: Hugging Face's qwen3_moe, written for training on a few CPU cores or one GPU."""

# B rows, S tokens of a row, T = B * S tokens, H hidden, E experts, K experts per token,
# I expert hidden, D head dimension, Q query heads, G key/value heads, V vocabulary

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.expert_kernels import Kernel, run_experts
from training.head import Slopes, chunked_nats, slopes


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The shape of the network."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    experts: int
    experts_per_token: int
    expert_hidden: int
    vocab: int
    context: int
    rope_theta: float
    norm_eps: float

    @property
    def total_parameters(self) -> int:
        """Parameters in all; the tied embedding counts once."""
        return self._with_experts(self.experts)

    @property
    def active_parameters(self) -> int:
        """Parameters that one token meets, the head included."""
        return self._with_experts(self.experts_per_token)

    def _with_experts(self, experts: int) -> int:
        attention = 2 * self.hidden * self.head_dim * (self.heads + self.kv_heads)
        norms = 2 * self.hidden + 2 * self.head_dim
        router = self.hidden * self.experts
        ffn = experts * 3 * self.hidden * self.expert_hidden
        layer = attention + norms + router + ffn
        return self.layers * layer + self.vocab * self.hidden + self.hidden


@dataclass(frozen=True, slots=True)
class Output:
    """What a forward pass gives."""

    nats: Tensor
    """[] sum of -log p over the targets that count."""
    balance: Tensor
    """[] mean balance loss of the layers; 1 when every expert gets its fair share."""
    load: Tensor
    """[layers, E] share of the tokens' slots that each expert got; a row sums to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FastPath:
    """How a model runs on a GPU: without a wait for the device in a step."""

    kernel: Kernel
    chunk: int
    """Tokens whose scores exist at once."""
    blocks: tuple[Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]], ...]
    """The layers, compiled or not."""
    rule: Slopes = slopes


def rotary_tables(config: ModelConfig, length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [S, D] for positions 0..length-1 (both halves of D alike)."""
    steps = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    angles = torch.outer(torch.arange(length, dtype=torch.float32), config.rope_theta**-steps)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    low, high = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-high, low), dim=-1) * sin


def balance_loss(
    probabilities: Tensor, chosen: Tensor, counts: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The auxiliary loss of Switch Transformers (arXiv 2101.03961), for top-K.

    Args:
        probabilities: [T, E] softmax over all experts.
        chosen: [T, K] expert ids.
        counts: [E] how often each expert was chosen, where that is known.

    Returns:
        E times the dot product of load and mean probability ([], 1 when even), and the load [E].
    """
    _, experts = probabilities.shape
    if counts is None:
        counts = torch.bincount(chosen.flatten(), minlength=experts)
    load = counts.to(probabilities.dtype) / chosen.numel()
    return experts * torch.dot(load, probabilities.mean(dim=0)), load


class Attention(nn.Module):  # type: ignore[misc]
    """Grouped-query attention with a norm on each query and key head."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        wide, narrow = config.heads * config.head_dim, config.kv_heads * config.head_dim
        self.q = nn.Parameter(torch.empty(wide, config.hidden))
        self.k = nn.Parameter(torch.empty(narrow, config.hidden))
        self.v = nn.Parameter(torch.empty(narrow, config.hidden))
        self.o = nn.Parameter(torch.empty(config.hidden, wide))
        self.q_norm = nn.Parameter(torch.ones(config.head_dim))
        self.k_norm = nn.Parameter(torch.ones(config.head_dim))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """[B, S, H] to [B, S, H], causal."""
        rows, length, _ = x.shape
        config = self.config
        head = (config.head_dim,)
        q = functional.linear(x, self.q).view(rows, length, config.heads, -1)
        k = functional.linear(x, self.k).view(rows, length, config.kv_heads, -1)
        v = functional.linear(x, self.v).view(rows, length, config.kv_heads, -1).transpose(1, 2)
        q = functional.rms_norm(q, head, self.q_norm.to(q.dtype), config.norm_eps).transpose(1, 2)
        k = functional.rms_norm(k, head, self.k_norm.to(k.dtype), config.norm_eps).transpose(1, 2)
        q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
        groups = config.heads // config.kv_heads
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return functional.linear(mixed.transpose(1, 2).reshape(rows, length, -1), self.o)


class Experts(nn.Module):  # type: ignore[misc]
    """Router and SwiGLU experts."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.kernel: Kernel = "loop"
        experts, hidden, inner = config.experts, config.hidden, config.expert_hidden
        self.router = nn.Parameter(torch.empty(experts, hidden))
        self.gate_up = nn.Parameter(torch.empty(experts, 2 * inner, hidden))
        self.down = nn.Parameter(torch.empty(experts, hidden, inner))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[T, H] to [T, H], the balance loss [] and the load [E]."""
        k = self.config.experts_per_token
        with torch.autocast(x.device.type, enabled=False):  # routing stays in float32
            probabilities = functional.linear(x.float(), self.router).softmax(dim=-1)
        weights, chosen = probabilities.topk(k, dim=-1)
        weights = weights / weights.sum(dim=-1, keepdim=True)
        y, counts = run_experts(self.kernel, x, chosen, weights, self.gate_up, self.down)
        balance, load = balance_loss(probabilities, chosen, counts)
        return y, balance, load


class Layer(nn.Module):  # type: ignore[misc]
    """Attention and experts, each behind a norm and added to the stream."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.eps = config.norm_eps
        self.attention_norm = nn.Parameter(torch.ones(config.hidden))
        self.attention = Attention(config)
        self.experts_norm = nn.Parameter(torch.ones(config.hidden))
        self.experts = Experts(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, S, H] to [B, S, H], the balance loss [] and the load [E]."""
        size = x.shape[-1:]
        normed = functional.rms_norm(x, size, self.attention_norm, self.eps)
        x = x + self.attention(normed, cos, sin)
        normed = functional.rms_norm(x, size, self.experts_norm, self.eps)
        y, balance, load = self.experts(normed.flatten(0, 1))
        return x + y.view_as(x), balance, load


class Model(nn.Module):  # type: ignore[misc]
    """The language model; the head is the embedding, transposed."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Parameter(torch.empty(config.vocab, config.hidden))
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(config.hidden))
        self._fast: FastPath | None = None
        self._tables: dict[tuple[int, torch.device], tuple[Tensor, Tensor]] = {}

    @property
    def fast(self) -> FastPath | None:
        """How the model runs; None is the plain way."""
        return self._fast

    @fast.setter
    def fast(self, path: FastPath | None) -> None:
        self._fast = path
        for layer in self.layers:
            layer.experts.kernel = "loop" if path is None else path.kernel

    @contextmanager
    def plain(self) -> Iterator[None]:
        """Runs the plain way inside, where shapes vary and waits do not matter."""
        fast, self.fast = self.fast, None
        try:
            yield
        finally:
            self.fast = fast

    def initialise(self, seed: int) -> None:
        """Draws the weights: normal 0.02 for the embedding, 1/sqrt(fan in) for matrices."""
        generator = torch.Generator().manual_seed(seed)
        depth = (2 * self.config.layers) ** -0.5
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if parameter.dim() < 2:  # noqa: PLR2004 - norms stay at one
                    continue
                scale = 0.02 if name == "embedding" else parameter.shape[-1] ** -0.5
                if name.endswith((".o", ".down")):
                    scale *= depth  # the stream's variance must not grow with the depth
                parameter.normal_(0.0, scale, generator=generator)

    def hidden_states(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, S] ids to [B, S, H] behind the last norm, balance [] and load [layers, E]."""
        _, length = ids.shape
        x = functional.embedding(ids, self.embedding)
        place = (length, x.device)
        if place not in self._tables:
            cos, sin = rotary_tables(self.config, length)
            self._tables[place] = (cos.to(x.device), sin.to(x.device))
        cos, sin = self._tables[place]
        balances, loads = [], []
        for layer in self.layers if self.fast is None else self.fast.blocks:
            x, balance, load = layer(x, cos, sin)
            balances.append(balance)
            loads.append(load)
        x = functional.rms_norm(x, x.shape[-1:], self.norm, self.config.norm_eps)
        return x, torch.stack(balances).mean(), torch.stack(loads).detach()

    def logits(self, ids: Tensor) -> Tensor:
        """[B, S] ids to [B, S, V]."""
        return functional.linear(self.hidden_states(ids)[0], self.embedding)

    def forward(self, ids: Tensor, targets: Tensor, ignore_id: int) -> Output:
        """Loss of the targets [B, S] given the ids [B, S]; targets of `ignore_id` do not count."""
        x, balance, load = self.hidden_states(ids)
        if self.fast is not None:
            nats = chunked_nats(
                x.flatten(0, 1),
                self.embedding,
                targets.flatten(),
                ignore_id,
                chunk=self.fast.chunk,
                rule=self.fast.rule,
            )
            return Output(nats, balance, load)
        keep = targets.flatten() != ignore_id
        scores = functional.linear(x.flatten(0, 1)[keep], self.embedding)
        nats = functional.cross_entropy(scores.float(), targets.flatten()[keep], reduction="sum")
        return Output(nats, balance, load)
