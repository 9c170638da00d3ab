"""What a family's reader says about a decoder, in terms that the graph pieces understand."""

# H heads, G key/value heads, D head dim, E experts, I hidden size of an expert

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from onnx_export.arch.experts import Mxfp4Experts, Shape
from onnx_export.arch.layers import GroupedAttention, LayerTensors, Mixture
from onnx_export.rope import Rope


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """How a token's experts are chosen and weighted: attributes of ExpertRouter."""

    normalize: bool = False
    """Divide the weights of the chosen by their sum."""
    softmax_after_topk: bool = False
    """Choose by logits, softmax over the chosen."""
    n_group: int = 0
    topk_group: int = 0
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderSpec:
    """A decoder with RMS norms, attention with RoPE, and experts in some or all layers."""

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
    norm_eps: float
    embedding: str
    final_norm: str
    head: str | None  # None: the embedding, transposed
    layers: tuple[LayerTensors, ...]
    ropes: tuple[Rope, ...]
    attention_scale: float
    """Multiplies the scores of queries and keys."""
    routing: Routing
    activation: str = "swiglu"
    """Of ExpertFFN, with `alpha` and `limit` where they count."""
    alpha: float | None = None
    limit: float | None = None
    embedding_scale: float = 1.0
    residual_scale: float = 1.0
    """Multiplies both branches of a layer."""
    logit_scale: float = 1.0
    unused: tuple[str, ...] = ()
    """Beginnings of names of tensors that the model does not compute with."""

    @property
    def rope_theta(self) -> float:
        """Base of the first RoPE's frequencies."""
        return self.ropes[0].theta

    @property
    def norm_topk(self) -> bool:
        """Whether the weights of a token's experts add up to 1, before scaling."""
        return self.routing.normalize or self.routing.softmax_after_topk

    @property
    def mixtures(self) -> tuple[Mixture, ...]:
        """The mixtures of experts, layer by layer where there is one."""
        return tuple(
            layer.feed_forward for layer in self.layers if isinstance(layer.feed_forward, Mixture)
        )

    @property
    def dense_layers(self) -> int:
        """How many layers have no router."""
        return len(self.layers) - len(self.mixtures)

    @property
    def dense_hidden(self) -> int:
        """Hidden size of the layers without a router; 0: there are none."""
        sizes = [
            layer.feed_forward.inner
            for layer in self.layers
            if not isinstance(layer.feed_forward, Mixture)
        ]
        return max(sizes, default=0)

    @property
    def shared_hidden(self) -> int:
        """Hidden size of the expert that every token meets; 0: there is none."""
        sizes = [mix.shared.experts.inner for mix in self.mixtures if mix.shared is not None]
        return max(sizes, default=0)

    @property
    def has_mxfp4(self) -> bool:
        """Whether the experts are stored as MXFP4, which is passed through."""
        return any(isinstance(mix.experts, Mxfp4Experts) for mix in self.mixtures)

    @property
    def is_plain(self) -> bool:
        """Whether GroupQueryAttention as the exporter calls it computes what is asked for."""
        return len(self.ropes) == 1 and all(
            isinstance(layer.attention, GroupedAttention)
            and not layer.attention.window
            and layer.attention.sinks is None
            for layer in self.layers
        )

    def stored_in(self, names: Collection[str]) -> "DecoderSpec":
        """Return the decoder under the names that a checkpoint has its tensors under."""
        parts = [
            part.stored_in(names) if isinstance(part, Mixture) else part
            for part in (layer.feed_forward for layer in self.layers)
        ]
        layers = zip(self.layers, parts, strict=True)
        return dataclasses.replace(
            self,
            layers=tuple(dataclasses.replace(layer, feed_forward=part) for layer, part in layers),
        )

    def shapes(self) -> Mapping[str, Shape]:
        """Return the shape of every tensor that the checkpoint must hold."""
        shapes: dict[str, Shape] = {
            self.embedding: (self.vocab, self.hidden),
            self.final_norm: (self.hidden,),
        }
        if self.head is not None:
            shapes[self.head] = (self.vocab, self.hidden)
        for layer in self.layers:
            shapes |= layer.shapes()
        return shapes
