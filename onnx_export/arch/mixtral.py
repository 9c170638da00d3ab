"""The family `mixtral`: Mixtral-8x7B and 8x22B.

Defaults of absent keys and the meaning of each are those of transformers' MixtralConfig.
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

MODEL_TYPE: Final = "mixtral"
_EXPERT_NAMES: Final = ("w1", "w3", "w2")  # gate, up, down


def read_spec(config: HfConfig) -> DecoderSpec:
    """Translate the configuration.

    Raises:
        UnsupportedError: it asks for something that transformers would compute and the graph not.
        CheckpointError: a key is missing, of the wrong type, or contradicts another one.
    """
    sizes = read_sizes(config, hidden=4096, heads=32, kv_heads=8)
    experts = config.integer("num_local_experts", "num_experts", default=8)
    experts_per_token = config.integer("num_experts_per_tok", default=2)
    inner = config.integer("intermediate_size", default=14_336)
    context = config.integer("max_position_embeddings", default=131_072)
    num_layers = config.integer("num_hidden_layers", default=32)
    window = config.integer("sliding_window", default=0)
    rope, _ = read_rope(config, Rope(theta=1e6, dims=sizes.head_dim), context)
    vocab = config.integer("vocab_size", default=32_000)
    norm_eps = config.number("rms_norm_eps", default=1e-5)
    head = read_head(config)
    config.require("hidden_act", "silu")
    config.ignore("router_jitter_noise")  # of training
    config.refuse_the_rest()
    check_sizes(sizes, experts, experts_per_token)

    def mixture(start: str) -> Mixture:
        prefix = f"{start}.block_sparse_moe"
        return Mixture(
            router=router(f"{prefix}.gate", sizes.hidden, experts),
            experts=separate_experts(
                f"{prefix}.experts", sizes.hidden, inner, experts, _EXPERT_NAMES
            ),
            renamed=stacked_mixture(f"{start}.mlp", "gate", sizes.hidden, inner, experts),
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
                grouped_attention(f"{start}.self_attn", sizes, window=window),
                mixture(start),
            )
            for start in (f"model.layers.{layer}" for layer in range(num_layers))
        ),
        ropes=(rope,),
        attention_scale=sizes.head_dim**-0.5,
        routing=Routing(normalize=True),
    )
