"""The family `qwen3_moe`: Qwen3-Coder-30B-A3B and the shipped model.

Defaults of absent keys and the meaning of each are those of transformers' Qwen3MoeConfig.
"""

import dataclasses
from typing import Final

from onnx_export.arch.spec import DecoderSpec, LayerTensors
from onnx_export.errors import UnsupportedError
from onnx_export.hf_config import HfConfig

MODEL_TYPE: Final = "qwen3_moe"


def read_spec(config: HfConfig) -> DecoderSpec:
    """Translate the configuration.

    Raises:
        UnsupportedError: it asks for something that transformers would compute and the graph not.
        CheckpointError: a key is missing, of the wrong type, or contradicts another one.
    """
    hidden = config.integer("hidden_size", default=2048)
    heads = config.integer("num_attention_heads", default=32)
    _refuse_variants(config)
    spec = DecoderSpec(
        model_type=MODEL_TYPE,
        vocab=config.integer("vocab_size", default=151_936),
        hidden=hidden,
        heads=heads,
        kv_heads=config.integer("num_key_value_heads", default=4),
        head_dim=config.integer("head_dim", default=hidden // heads),
        experts=config.integer("num_experts", "num_local_experts", default=128),
        experts_per_token=config.integer("num_experts_per_tok", default=8),
        expert_hidden=config.integer("moe_intermediate_size", default=768),
        context=config.integer("max_position_embeddings", default=32_768),
        rope_theta=config.rope_theta(default=10_000.0),
        norm_eps=config.number("rms_norm_eps", default=1e-6),
        norm_topk=config.boolean("norm_topk_prob", default=False),
        embedding="model.embed_tokens.weight",
        final_norm="model.norm.weight",
        head=None if config.boolean("tie_word_embeddings", default=False) else "lm_head.weight",
        layers=(),
    )
    num_layers = config.integer("num_hidden_layers", default=24)
    config.refuse_the_rest()
    _check_sizes(spec)
    layers = tuple(_layer(layer, spec.experts) for layer in range(num_layers))
    return dataclasses.replace(spec, layers=layers)


def _refuse_variants(config: HfConfig) -> None:
    config.require("hidden_act", "silu")
    config.require("attention_bias", False)
    config.require("decoder_sparse_step", 1)
    config.require("mlp_only_layers", [])
    config.ignore("intermediate_size")  # of dense layers, of which there are none then
    config.ignore("max_window_layers")  # both matter with a window only
    if config.boolean("use_sliding_window", default=False):
        config.require("sliding_window")
    config.ignore("sliding_window")
    config.require_each("layer_types", "full_attention")


def _check_sizes(spec: DecoderSpec) -> None:
    if spec.heads % spec.kv_heads or spec.head_dim % 2 or spec.experts_per_token > spec.experts:
        raise UnsupportedError(
            "expected num_attention_heads to be a multiple of num_key_value_heads, head_dim to be"
            " even and num_experts_per_tok to be at most num_experts, found"
            f" {spec.heads} and {spec.kv_heads}, {spec.head_dim}, {spec.experts_per_token} and"
            f" {spec.experts}; config.json is not that of a working model"
        )


def _layer(layer: int, num_experts: int) -> LayerTensors:
    start = f"model.layers.{layer}"
    attention, mlp = f"{start}.self_attn", f"{start}.mlp"

    def of_experts(matrix: str) -> tuple[str, ...]:
        return tuple(f"{mlp}.experts.{e}.{matrix}.weight" for e in range(num_experts))

    return LayerTensors(
        input_norm=f"{start}.input_layernorm.weight",
        query=f"{attention}.q_proj.weight",
        key=f"{attention}.k_proj.weight",
        value=f"{attention}.v_proj.weight",
        query_norm=f"{attention}.q_norm.weight",
        key_norm=f"{attention}.k_norm.weight",
        output=f"{attention}.o_proj.weight",
        post_attention_norm=f"{start}.post_attention_layernorm.weight",
        router=f"{mlp}.gate.weight",
        gates=of_experts("gate_proj"),
        ups=of_experts("up_proj"),
        downs=of_experts("down_proj"),
    )
