"""What the families' readers share: keys that all configurations have, names that most have."""

from dataclasses import dataclass

from onnx_export.arch.experts import SeparateExperts, StackedExperts
from onnx_export.arch.layers import (
    GroupedAttention,
    LatentAttention,
    LayerTensors,
    Linear,
    Mixture,
    Vector,
)
from onnx_export.errors import UnsupportedError
from onnx_export.hf_config import HfConfig

EMBEDDING = "model.embed_tokens.weight"
FINAL_NORM = "model.norm.weight"
FULL, SLIDING = "full_attention", "sliding_attention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What decides the shapes of attention."""

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int


def read_sizes(
    config: HfConfig, *, hidden: int, heads: int, kv_heads: int | None, head_dim: int | None = None
) -> Sizes:
    """Read them; the arguments are transformers' defaults.

    Args:
        config: of the model.
        hidden: hidden size.
        heads: query heads.
        kv_heads: key/value heads; None: as many as query heads.
        head_dim: None: the hidden size divided by the heads.
    """
    hidden = config.integer("hidden_size", default=hidden)
    heads = config.integer("num_attention_heads", default=heads)
    return Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=config.integer("num_key_value_heads", default=kv_heads or heads),
        head_dim=config.integer("head_dim", default=head_dim or hidden // heads),
    )


def read_head(config: HfConfig, *, tied: bool = False) -> str | None:
    """Return the name of the output head, None where it is the embedding."""
    is_tied = config.boolean("tie_word_embeddings", default=tied)
    return None if is_tied else "lm_head.weight"


def check_sizes(sizes: Sizes, experts: int, experts_per_token: int) -> None:
    """Refuse what no model computes with.

    Raises:
        UnsupportedError: names the keys.
    """
    if sizes.heads % sizes.kv_heads or sizes.head_dim % 2 or experts_per_token > experts:
        raise UnsupportedError(
            "expected num_attention_heads to be a multiple of num_key_value_heads, head_dim to be"
            " even and num_experts_per_tok to be at most num_experts, found"
            f" {sizes.heads} and {sizes.kv_heads}, {sizes.head_dim}, {experts_per_token} and"
            f" {experts}; config.json is not that of a working model"
        )


def read_layer_types(config: HfConfig, layers: int, default: list[str]) -> list[str]:
    """Return `full_attention` or `sliding_attention` for each layer.

    Raises:
        UnsupportedError: another kind.
        CheckpointError: the list has another length.
    """
    return read_kinds(config, "layer_types", (FULL, SLIDING), layers, default)


def read_kinds(
    config: HfConfig, key: str, known: tuple[str, ...], layers: int, default: list[str]
) -> list[str]:
    """Return a word out of ``known`` for each layer.

    Raises:
        UnsupportedError: another word.
        CheckpointError: the list has another length.
    """
    found = config.texts(key)
    if found is None:
        return default
    if set(found) - set(known):
        raise config.refused(key, "a list of " + " and ".join(map(repr, known)))
    if len(found) != layers:
        raise config.error(key, f"a list of {layers}, one for each layer")
    return found


def grouped_attention(
    prefix: str,
    sizes: Sizes,
    *,
    bias: bool = False,
    output_bias: bool = False,
    head_norms: bool = False,
    joint_norms: bool = False,
    clip: float | None = None,
    sinks: str | None = None,
    window: int = 0,
    rope: int = 0,
) -> GroupedAttention:
    """Name the tensors of one layer's attention as nearly all families do.

    Args:
        prefix: up to `.q_proj`.
        sizes: of the model.
        bias: of query, key and value.
        output_bias: of the output.
        head_norms: query and key have a norm, each head on its own.
        joint_norms: query and key have a norm over all heads.
        clip: see `GroupedAttention`.
        sinks: name of the sinks.
        window: see `GroupedAttention`.
        rope: see `GroupedAttention`.
    """
    query, key = sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim

    def linear(name: str, outputs: int, inputs: int, *, biased: bool) -> Linear:
        return Linear(
            weight=f"{prefix}.{name}.weight",
            outputs=outputs,
            inputs=inputs,
            bias=f"{prefix}.{name}.bias" if biased else None,
        )

    def norm(name: str, size: int) -> Vector | None:
        if not (head_norms or joint_norms):
            return None
        return Vector(name=f"{prefix}.{name}.weight", size=sizes.head_dim if head_norms else size)

    return GroupedAttention(
        query=linear("q_proj", query, sizes.hidden, biased=bias),
        key=linear("k_proj", key, sizes.hidden, biased=bias),
        value=linear("v_proj", key, sizes.hidden, biased=bias),
        output=linear("o_proj", sizes.hidden, query, biased=output_bias),
        query_norm=norm("q_norm", query),
        key_norm=norm("k_norm", key),
        sinks=None if sinks is None else Vector(name=sinks, size=sizes.heads),
        clip=clip,
        window=window,
        rope=rope,
    )


def separate_experts(
    prefix: str,
    hidden: int,
    inner: int,
    count: int,
    names: tuple[str, str, str] = ("gate_proj", "up_proj", "down_proj"),
) -> SeparateExperts:
    """Name the tensors of experts that are stored one by one below ``prefix``."""
    gates, ups, downs = (
        tuple(f"{prefix}.{expert}.{name}.weight" for expert in range(count)) for name in names
    )
    return SeparateExperts(hidden=hidden, inner=inner, gates=gates, ups=ups, downs=downs)


def dense_mlp(prefix: str, hidden: int, inner: int) -> SeparateExperts:
    """Name the tensors of a layer, or an expert, that stands alone."""
    gate, up, down = (
        (f"{prefix}.{name}.weight",) for name in ("gate_proj", "up_proj", "down_proj")
    )
    return SeparateExperts(hidden=hidden, inner=inner, gates=gate, ups=up, downs=down)


def router(prefix: str, hidden: int, experts: int, *, bias: bool = False) -> Linear:
    """Name the tensors of a router."""
    return Linear(
        weight=f"{prefix}.weight",
        outputs=experts,
        inputs=hidden,
        bias=f"{prefix}.bias" if bias else None,
    )


def stacked_mixture(
    prefix: str, router_name: str, hidden: int, inner: int, experts: int
) -> Mixture:
    """Name the tensors of a mixture as transformers 5 has them in memory, below ``prefix``."""
    return Mixture(
        router=router(f"{prefix}.{router_name}", hidden, experts),
        experts=StackedExperts(
            count=experts,
            hidden=hidden,
            inner=inner,
            gate_up_name=f"{prefix}.experts.gate_up_proj",
            down_name=f"{prefix}.experts.down_proj",
        ),
    )


def layer_tensors(
    start: str,
    hidden: int,
    attention: GroupedAttention | LatentAttention,
    feed_forward: Mixture | SeparateExperts,
) -> LayerTensors:
    """Name the norms of one layer as all families do."""
    return LayerTensors(
        input_norm=Vector(name=f"{start}.input_layernorm.weight", size=hidden),
        attention=attention,
        post_attention_norm=Vector(name=f"{start}.post_attention_layernorm.weight", size=hidden),
        feed_forward=feed_forward,
    )
