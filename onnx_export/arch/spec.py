"""What a family's reader says about a decoder, in terms that the graph pieces understand."""

# H heads, G key/value heads, D head dim, E experts, I hidden size of an expert

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTensors:
    """Names in the checkpoint of one layer's weights, all `[outputs, inputs]` or `[size]`."""

    input_norm: str
    query: str
    key: str
    value: str
    query_norm: str
    key_norm: str
    output: str
    post_attention_norm: str
    router: str
    gates: tuple[str, ...]  # one name per expert
    ups: tuple[str, ...]
    downs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderSpec:
    """A decoder with grouped-query attention, QK-norm, RoPE and SwiGLU experts in every layer."""

    model_type: str
    vocab: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    experts: int
    experts_per_token: int
    expert_hidden: int
    context: int
    rope_theta: float
    norm_eps: float
    norm_topk: bool
    embedding: str
    final_norm: str
    head: str | None  # None: the embedding, transposed
    layers: tuple[LayerTensors, ...]

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shape of every tensor that the checkpoint must hold."""
        shapes: dict[str, tuple[int, ...]] = {
            self.embedding: (self.vocab, self.hidden),
            self.final_norm: (self.hidden,),
        }
        if self.head is not None:
            shapes[self.head] = (self.vocab, self.hidden)
        query, key = self.heads * self.head_dim, self.kv_heads * self.head_dim
        for layer in self.layers:
            shapes |= {
                layer.input_norm: (self.hidden,),
                layer.query: (query, self.hidden),
                layer.key: (key, self.hidden),
                layer.value: (key, self.hidden),
                layer.query_norm: (self.head_dim,),
                layer.key_norm: (self.head_dim,),
                layer.output: (self.hidden, query),
                layer.post_attention_norm: (self.hidden,),
                layer.router: (self.experts, self.hidden),
            }
            shapes |= dict.fromkeys(layer.gates, (self.expert_hidden, self.hidden))
            shapes |= dict.fromkeys(layer.ups, (self.expert_hidden, self.hidden))
            shapes |= dict.fromkeys(layer.downs, (self.hidden, self.expert_hidden))
        return shapes
