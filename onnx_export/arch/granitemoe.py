"""The family `granitemoe`: Granite 3 in 1B-A400M and 3B-A800M.

Defaults of absent keys and the meaning of each are those of transformers' GraniteMoeConfig.
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
    stacked_mixture,
)
from onnx_export.arch.experts import StackedExperts
from onnx_export.arch.layers import Mixture
from onnx_export.arch.spec import DecoderSpec, Routing
from onnx_export.hf_config import HfConfig
from onnx_export.rope import Rope
from onnx_export.rope_config import read_rope

MODEL_TYPE: Final = "granitemoe"


def read_spec(config: HfConfig) -> DecoderSpec:
    """Translate the configuration.

    Raises:
        UnsupportedError: it asks for something that transformers would compute and the graph not.
        CheckpointError: a key is missing, of the wrong type, or contradicts another one.
    """
    sizes = read_sizes(config, hidden=4096, heads=32, kv_heads=None)
    experts = config.integer("num_local_experts", default=8)
    experts_per_token = config.integer("num_experts_per_tok", default=2)
    inner = config.integer("intermediate_size", default=11_008)
    context = config.integer("max_position_embeddings", default=2048)
    num_layers = config.integer("num_hidden_layers", default=32)
    bias = config.boolean("attention_bias", default=False)
    rope, _ = read_rope(config, Rope(theta=10_000.0, dims=sizes.head_dim), context)
    vocab = config.integer("vocab_size", default=32_000)
    norm_eps = config.number("rms_norm_eps", default=1e-6)
    attention_scale = config.number("attention_multiplier", default=1.0)
    embedding_scale = config.number("embedding_multiplier", default=1.0)
    residual_scale = config.number("residual_multiplier", default=1.0)
    logit_divisor = config.number("logits_scaling", default=1.0)
    head = read_head(config)
    config.require("hidden_act", "silu")
    config.refuse_the_rest()
    check_sizes(sizes, experts, experts_per_token)

    def mixture(prefix: str) -> Mixture:
        return Mixture(
            router=router(f"{prefix}.router.layer", sizes.hidden, experts),
            experts=StackedExperts(
                count=experts,
                hidden=sizes.hidden,
                inner=inner,
                gate_up_name=f"{prefix}.input_linear.weight",
                down_name=f"{prefix}.output_linear.weight",
            ),
            renamed=stacked_mixture(prefix, "router", sizes.hidden, inner, experts),
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
                grouped_attention(f"{start}.self_attn", sizes, bias=bias, output_bias=bias),
                mixture(f"{start}.block_sparse_moe"),
            )
            for start in (f"model.layers.{layer}" for layer in range(num_layers))
        ),
        ropes=(rope,),
        attention_scale=attention_scale,
        routing=Routing(softmax_after_topk=True),
        embedding_scale=embedding_scale,
        residual_scale=residual_scale,
        logit_scale=1 / logit_divisor,
    )
