"""The weights of a decoder as its graph uses them: dequantised, heads as wide as the KV cache."""

# H hidden, P head dim of the graph, E experts, I expert hidden, V vocabulary, R rank of an adapter,
# N outputs and K inputs of a projection, S positions of the context

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

HEAD = "head"  # name of the output head's product
PROJECTIONS = ("qkv", "output")  # of an attention layer, in the order of the graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A low-rank change of a projection: ``x down^T up^T`` is added to its result."""

    down: Floats
    """``[R, K]``."""
    up: Floats
    """``[N, R]``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedLayer:
    """What fine-tuning may change in one layer; everything else stays as it is stored."""

    input_norm: Floats
    """``[H]``."""
    query_norm: Floats
    """``[P]``, as `key_norm`."""
    key_norm: Floats
    post_attention_norm: Floats
    """``[H]``."""
    router: Floats
    """``[E, H]``."""
    qkv: Adapter | None
    """Over query, key and value together; None: the base's weights alone."""
    output: Adapter | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedWeights:
    """What fine-tuning may change."""

    layers: tuple[TunedLayer, ...]
    final_norm: Floats
    """``[H]``."""
    head: Adapter | None
    """Of the output head, also where its matrix is the embedding's."""

    @property
    def adapter_parameters(self) -> int:
        """Numbers in all adapters."""
        adapters = [self.head, *(a for layer in self.layers for a in (layer.qkv, layer.output))]
        return sum(a.down.size + a.up.size for a in adapters if a is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenLayer:
    """Matrices of one layer that stay in ``weights.bin``."""

    qkv: Floats
    """``[N, H]``: rows of query, key and value."""
    output: Floats
    """``[H, heads * P]``."""
    gate: Floats
    """``[E, I, H]``, as `up`."""
    up: Floats
    down: Floats
    """``[E, H, I]``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderWeights:
    """A whole decoder, and the numbers that its graph alone states."""

    embedding: Floats
    """``[V, H]``."""
    head: Floats | None
    """``[V, H]``; None: the embedding."""
    frozen: tuple[FrozenLayer, ...]
    tuned: TunedWeights
    cosines: Floats
    """``[S, P / 2]``, as `sines`."""
    sines: Floats
    attention_scale: float
    head_norm_eps: float
    """Of the norms of query and key heads."""
