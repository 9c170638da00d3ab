"""The family `qwen2_moe`: Qwen1.5-MoE-A2.7B and Qwen2-57B-A14B.

Defaults of absent keys and the meaning of each are those of transformers' Qwen2MoeConfig.
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
    read_layer_types,
    read_sizes,
    router,
    separate_experts,
    stacked_mixture,
)
from onnx_export.arch.experts import SeparateExperts
from onnx_export.arch.layers import LayerTensors, Linear, Mixture, SharedExpert
from onnx_export.arch.spec import DecoderSpec, Routing
from onnx_export.hf_config import HfConfig
from onnx_export.rope import Rope
from onnx_export.rope_config import read_rope

MODEL_TYPE: Final = "qwen2_moe"


def read_spec(config: HfConfig) -> DecoderSpec:
    """Translate the configuration.

    Raises:
        UnsupportedError: it asks for something that transformers would compute and the graph not.
        CheckpointError: a key is missing, of the wrong type, or contradicts another one.
    """
    sizes = read_sizes(config, hidden=2048, heads=16, kv_heads=16)
    experts = config.integer("num_experts", default=60)
    experts_per_token = config.integer("num_experts_per_tok", default=4)
    expert_hidden = config.integer("moe_intermediate_size", default=1408)
    shared_hidden = config.integer("shared_expert_intermediate_size", default=5632)
    dense_hidden = config.integer("intermediate_size", default=5632)
    context = config.integer("max_position_embeddings", default=32_768)
    num_layers = config.integer("num_hidden_layers", default=24)
    every = config.integer("decoder_sparse_step", default=1)
    dense_layers = config.integers("mlp_only_layers")
    windows = _read_windows(config, num_layers)
    bias = config.boolean("qkv_bias", default=True)
    rope, _ = read_rope(config, Rope(theta=10_000.0, dims=sizes.head_dim), context)
    vocab = config.integer("vocab_size", default=151_936)
    norm_eps = config.number("rms_norm_eps", default=1e-6)
    normalize = config.boolean("norm_topk_prob", default=False)
    head = read_head(config)
    config.require("hidden_act", "silu")
    config.refuse_the_rest()
    check_sizes(sizes, experts, experts_per_token)

    def feed_forward(prefix: str, index: int) -> Mixture | SeparateExperts:
        if index in dense_layers or (index + 1) % every:
            return dense_mlp(prefix, sizes.hidden, dense_hidden)
        gate = Linear(weight=f"{prefix}.shared_expert_gate.weight", outputs=1, inputs=sizes.hidden)
        shared = dense_mlp(f"{prefix}.shared_expert", sizes.hidden, shared_hidden)
        return Mixture(
            router=router(f"{prefix}.gate", sizes.hidden, experts),
            experts=separate_experts(f"{prefix}.experts", sizes.hidden, expert_hidden, experts),
            shared=SharedExpert(experts=shared, gate=gate),
            renamed=stacked_mixture(prefix, "gate", sizes.hidden, expert_hidden, experts),
        )

    def layer(index: int) -> LayerTensors:
        start = f"model.layers.{index}"
        attention = grouped_attention(f"{start}.self_attn", sizes, bias=bias, window=windows[index])
        return layer_tensors(start, sizes.hidden, attention, feed_forward(f"{start}.mlp", index))

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
        ropes=(rope,),
        attention_scale=sizes.head_dim**-0.5,
        routing=Routing(normalize=normalize),
    )


def _read_windows(config: HfConfig, num_layers: int) -> list[int]:
    """Return the positions that each layer's tokens see, 0 for all.

    Raises:
        UnsupportedError: another kind of layer.
        CheckpointError: a key is of the wrong type, or layers shall have a window and have none.
    """
    asked = config.boolean("use_sliding_window", default=False)
    up_to = config.integer("max_window_layers", default=28, low=0)
    window = config.integer("sliding_window", default=4096, low=0)
    # Every other one of the first layers, as transformers 5 has it.
    default = [
        SLIDING if asked and index < up_to and index % 2 == 0 else FULL
        for index in range(num_layers)
    ]
    kinds = read_layer_types(config, num_layers, default)
    if SLIDING in kinds and not (asked and window):
        raise config.error("layer_types", f"a list of {FULL!r} where no window is asked for")
    return [window if kind == SLIDING else 0 for kind in kinds]
