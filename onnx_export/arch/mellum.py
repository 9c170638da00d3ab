"""The family `mellum`: JetBrains' Mellum2-12B-A2.5B.

Defaults of absent keys and the meaning of each are those of transformers' MellumConfig.
"""

from typing import Final

from onnx_export.arch.common import (
    EMBEDDING,
    FINAL_NORM,
    FULL,
    SLIDING,
    check_sizes,
    dense_mlp,
    grouped_attention,
    layer_tensors,
    read_head,
    read_kinds,
    read_layer_types,
    read_sizes,
    router,
    separate_experts,
    stacked_mixture,
)
from onnx_export.arch.experts import SeparateExperts
from onnx_export.arch.layers import LayerTensors, Mixture
from onnx_export.arch.spec import DecoderSpec, Routing
from onnx_export.hf_config import HfConfig
from onnx_export.rope import Rope
from onnx_export.rope_config import read_section

MODEL_TYPE: Final = "mellum"
_THETAS: Final = {FULL: 500_000.0, SLIDING: 10_000.0}
_DENSE, _SPARSE = "dense", "sparse"


def read_spec(config: HfConfig) -> DecoderSpec:
    """Translate the configuration.

    Raises:
        UnsupportedError: it asks for something that transformers would compute and the graph not.
        CheckpointError: a key is missing, of the wrong type, or contradicts another one.
    """
    sizes = read_sizes(config, hidden=2304, heads=32, kv_heads=4, head_dim=128)
    experts = config.integer("num_experts", "num_local_experts", default=64)
    experts_per_token = config.integer("num_experts_per_tok", default=8)
    expert_hidden = config.integer("moe_intermediate_size", default=896)
    dense_hidden = config.integer("intermediate_size", default=7168)
    context = config.integer("max_position_embeddings", default=131_072)
    num_layers = config.integer("num_hidden_layers", default=28)
    layer_types = read_layer_types(config, num_layers, [FULL] * num_layers)
    kinds = read_kinds(
        config, "mlp_layer_types", (_DENSE, _SPARSE), num_layers, [_SPARSE] * num_layers
    )
    window = config.integer("sliding_window", default=1024)
    bias = config.boolean("attention_bias", default=False)
    used = [kind for kind in (FULL, SLIDING) if kind in layer_types]
    ropes = _read_ropes(config, used, sizes.head_dim, context)
    vocab = config.integer("vocab_size", default=98_304)
    norm_eps = config.number("rms_norm_eps", default=1e-6)
    normalize = config.boolean("norm_topk_prob", default=True)
    head = read_head(config)
    config.require("hidden_act", "silu")
    # As in configurations that other programs write; transformers goes by the lists alone.
    config.require("use_sliding_window", *((True,) if SLIDING in layer_types else (True, False)))
    config.ignore("max_window_layers")
    config.require("decoder_sparse_step", 1)
    config.require("mlp_only_layers", [])
    for key in ("num_mtp_layers", "num_nextn_predict_layers"):
        config.ignore(key)  # layers that guess further tokens, beside the decoder
    for key in ("mtp_layer_types", "mtp_mlp_layer_types"):
        config.ignore(key)
    config.refuse_the_rest()
    check_sizes(sizes, experts, experts_per_token)

    def feed_forward(prefix: str, kind: str) -> Mixture | SeparateExperts:
        if kind == _DENSE:
            return dense_mlp(prefix, sizes.hidden, dense_hidden)
        return Mixture(
            router=router(f"{prefix}.gate", sizes.hidden, experts),
            experts=separate_experts(f"{prefix}.experts", sizes.hidden, expert_hidden, experts),
            renamed=stacked_mixture(prefix, "gate", sizes.hidden, expert_hidden, experts),
        )

    def layer(index: int) -> LayerTensors:
        start, kind = f"model.layers.{index}", layer_types[index]
        attention = grouped_attention(
            f"{start}.self_attn",
            sizes,
            bias=bias,
            output_bias=bias,
            head_norms=True,
            window=window if kind == SLIDING else 0,
            rope=used.index(kind),
        )
        return layer_tensors(
            start, sizes.hidden, attention, feed_forward(f"{start}.mlp", kinds[index])
        )

    return DecoderSpec(
        model_type=MODEL_TYPE,
        vocab=vocab,
        hidden=sizes.hidden,
        heads=sizes.heads,
        kv_heads=sizes.kv_heads,
        head_dim=sizes.head_dim,
        experts=experts,
        experts_per_token=experts_per_token,
        expert_hidden=expert_hidden,
        context=context,
        norm_eps=norm_eps,
        embedding=EMBEDDING,
        final_norm=FINAL_NORM,
        head=head,
        layers=tuple(layer(index) for index in range(num_layers)),
        ropes=ropes,
        attention_scale=sizes.head_dim**-0.5,
        routing=Routing(normalize=normalize),
        unused=("mtp.",),
    )


def _read_ropes(config: HfConfig, used: list[str], dims: int, context: int) -> tuple[Rope, ...]:
    """Return a RoPE for each kind of attention in ``used``.

    Raises:
        UnsupportedError: a kind of RoPE, or a key of one, that is not known.
        CheckpointError: a kind of attention has none.
    """
    config.ignore("rope_theta")  # each kind's own counts
    both = config.section("rope_parameters")
    if both is None:
        return tuple(Rope(theta=_THETAS[kind], dims=dims) for kind in used)
    found = {kind: both.section(kind) for kind in (FULL, SLIDING)}
    both.refuse_the_rest()
    ropes = []
    for kind in used:
        section = found[kind]
        if section is None:
            raise both.error(kind, "an object")
        plain = Rope(theta=section.number("rope_theta"), dims=dims)
        section.require("truncate", True)  # transformers reads another one's
        ropes.append(read_section(section, plain, context)[0])
    return tuple(ropes)
