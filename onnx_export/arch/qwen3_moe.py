"""The family `qwen3_moe`: Qwen3-Coder-30B-A3B and the shipped model.

Defaults of absent keys and the meaning of each are those of transformers' Qwen3MoeConfig.
"""

from typing import Final

from onnx_export.arch.common import (
    EMBEDDING,
    FINAL_NORM,
    FULL,
    check_sizes,
    grouped_attention,
    layer_tensors,
    read_head,
    read_kinds,
    read_sizes,
    router,
    separate_experts,
    stacked_mixture,
)
from onnx_export.arch.layers import Mixture
from onnx_export.arch.spec import DecoderSpec, Routing
from onnx_export.hf_config import HfConfig
from onnx_export.rope import Rope
from onnx_export.rope_config import read_rope

MODEL_TYPE: Final = "qwen3_moe"


def read_spec(config: HfConfig) -> DecoderSpec:
    """Translate the configuration.

    Raises:
        UnsupportedError: it asks for something that transformers would compute and the graph not.
        CheckpointError: a key is missing, of the wrong type, or contradicts another one.
    """
    sizes = read_sizes(config, hidden=2048, heads=32, kv_heads=4)
    experts = config.integer("num_experts", "num_local_experts", default=128)
    experts_per_token = config.integer("num_experts_per_tok", default=8)
    expert_hidden = config.integer("moe_intermediate_size", default=768)
    context = config.integer("max_position_embeddings", default=32_768)
    num_layers = config.integer("num_hidden_layers", default=24)
    rope, _ = read_rope(config, Rope(theta=10_000.0, dims=sizes.head_dim), context)
    vocab = config.integer("vocab_size", default=151_936)
    norm_eps = config.number("rms_norm_eps", default=1e-6)
    normalize = config.boolean("norm_topk_prob", default=False)
    head = read_head(config)
    _refuse_variants(config, num_layers)
    config.refuse_the_rest()
    check_sizes(sizes, experts, experts_per_token)

    def mixture(prefix: str) -> Mixture:
        return Mixture(
            router=router(f"{prefix}.gate", sizes.hidden, experts),
            experts=separate_experts(f"{prefix}.experts", sizes.hidden, expert_hidden, experts),
            renamed=stacked_mixture(prefix, "gate", sizes.hidden, expert_hidden, experts),
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
        layers=tuple(
            layer_tensors(
                start,
                sizes.hidden,
                grouped_attention(f"{start}.self_attn", sizes, head_norms=True),
                mixture(f"{start}.mlp"),
            )
            for start in (f"model.layers.{layer}" for layer in range(num_layers))
        ),
        ropes=(rope,),
        attention_scale=sizes.head_dim**-0.5,
        routing=Routing(normalize=normalize),
    )


def _refuse_variants(config: HfConfig, num_layers: int) -> None:
    config.require("hidden_act", "silu")
    config.require("attention_bias", False)
    config.require("decoder_sparse_step", 1)
    config.require("mlp_only_layers", [])
    # Stated in Qwen3-Coder's configurations, where transformers does not read them.
    config.require("qkv_bias", False)
    config.require("use_qk_norm", True)
    config.require("shared_expert_intermediate_size", 0)
    config.ignore("intermediate_size")  # of dense layers, of which there are none then
    config.ignore("max_window_layers")  # both matter with a window only
    if config.boolean("use_sliding_window", default=False):
        config.require("sliding_window")
    config.ignore("sliding_window")
    read_kinds(config, "layer_types", (FULL,), num_layers, [])
