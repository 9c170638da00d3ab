"""The family `olmoe`: OLMoE-1B-7B.

Defaults of absent keys and the meaning of each are those of transformers' OlmoeConfig.
"""

from typing import Final

from onnx_export.arch.common import (
    EMBEDDING,
    FINAL_NORM,
    check_sizes,
    grouped_attention,
    layer_tensors,
    read_head,
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

MODEL_TYPE: Final = "olmoe"


def read_spec(config: HfConfig) -> DecoderSpec:
    """Translate the configuration.

    Raises:
        UnsupportedError: it asks for something that transformers would compute and the graph not.
        CheckpointError: a key is missing, of the wrong type, or contradicts another one.
    """
    sizes = read_sizes(config, hidden=2048, heads=16, kv_heads=None)
    experts = config.integer("num_experts", "num_local_experts", default=64)
    experts_per_token = config.integer("num_experts_per_tok", default=8)
    inner = config.integer("intermediate_size", default=2048)
    context = config.integer("max_position_embeddings", default=4096)
    num_layers = config.integer("num_hidden_layers", default=16)
    bias = config.boolean("attention_bias", default=False)
    clip = config.number("clip_qkv") if config.has("clip_qkv") else None
    rope, _ = read_rope(config, Rope(theta=10_000.0, dims=sizes.head_dim), context)
    vocab = config.integer("vocab_size", default=50_304)
    norm_eps = config.number("rms_norm_eps", default=1e-5)
    normalize = config.boolean("norm_topk_prob", default=False)
    head = read_head(config)
    config.require("hidden_act", "silu")
    config.require("head_dim", sizes.hidden // sizes.heads)  # its norms have no other
    config.refuse_the_rest()
    check_sizes(sizes, experts, experts_per_token)

    def mixture(prefix: str) -> Mixture:
        return Mixture(
            router=router(f"{prefix}.gate", sizes.hidden, experts),
            experts=separate_experts(f"{prefix}.experts", sizes.hidden, inner, experts),
            renamed=stacked_mixture(prefix, "gate", sizes.hidden, inner, experts),
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
        expert_hidden=inner,
        context=context,
        norm_eps=norm_eps,
        embedding=EMBEDDING,
        final_norm=FINAL_NORM,
        head=head,
        layers=tuple(
            layer_tensors(
                start,
                sizes.hidden,
                grouped_attention(
                    f"{start}.self_attn",
                    sizes,
                    bias=bias,
                    output_bias=bias,
                    joint_norms=True,
                    clip=clip,
                ),
                mixture(f"{start}.mlp"),
            )
            for start in (f"model.layers.{layer}" for layer in range(num_layers))
        ),
        ropes=(rope,),
        attention_scale=sizes.head_dim**-0.5,
        routing=Routing(normalize=normalize),
    )
