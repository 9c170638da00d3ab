"""The family `gpt_oss`: gpt-oss-20b and gpt-oss-120b, experts as MXFP4 or in bf16.

Defaults of absent keys and the meaning of each are those of transformers' GptOssConfig.
"""

import dataclasses
from typing import Final

from inference.ops.mxfp4 import BLOCK
from onnx_export.arch.common import (
    EMBEDDING,
    FINAL_NORM,
    FULL,
    SLIDING,
    Sizes,
    check_sizes,
    grouped_attention,
    layer_tensors,
    read_head,
    read_layer_types,
    read_sizes,
    router,
)
from onnx_export.arch.experts import InterleavedExperts, Mxfp4Experts
from onnx_export.arch.layers import Mixture
from onnx_export.arch.spec import DecoderSpec, Routing
from onnx_export.errors import UnsupportedError
from onnx_export.hf_config import HfConfig
from onnx_export.rope import Rope, mscale
from onnx_export.rope_config import read_rope

MODEL_TYPE: Final = "gpt_oss"
_THETA: Final = 150_000.0
_FACTOR: Final = 32.0  # of a configuration that says nothing about RoPE
_ORIGINAL_CONTEXT: Final = 4096


def read_spec(config: HfConfig) -> DecoderSpec:
    """Translate the configuration.

    Raises:
        UnsupportedError: it asks for something that transformers would compute and the graph not.
        CheckpointError: a key is missing, of the wrong type, or contradicts another one.
    """
    sizes = read_sizes(config, hidden=2880, heads=64, kv_heads=8, head_dim=64)
    experts = config.integer("num_local_experts", "num_experts", default=128)
    experts_per_token = config.integer("num_experts_per_tok", "experts_per_token", default=4)
    inner = config.integer("intermediate_size", default=2880)
    context = config.integer("max_position_embeddings", default=131_072)
    num_layers = config.integer("num_hidden_layers", default=36)
    alternating = [FULL if layer % 2 else SLIDING for layer in range(num_layers)]
    layer_types = read_layer_types(config, num_layers, alternating)
    window = config.integer("sliding_window", default=128)
    bias = config.boolean("attention_bias", default=True)
    plain = Rope(theta=_THETA, dims=sizes.head_dim)
    rope, _ = read_rope(config, plain, context, scaled=_default_rope(plain))
    is_mxfp4 = _is_mxfp4(config, sizes, inner)
    vocab = config.integer("vocab_size", default=201_088)
    norm_eps = config.number("rms_norm_eps", default=1e-5)
    alpha = config.number("swiglu_alpha", default=1.702)
    limit = config.number("swiglu_limit", default=7.0)
    head = read_head(config)
    config.require("hidden_act", "silu")  # which the experts do not use
    config.ignore("initial_context_length")  # what `rope_scaling` says too
    config.refuse_the_rest()
    check_sizes(sizes, experts, experts_per_token)
    stored = Mxfp4Experts if is_mxfp4 else InterleavedExperts

    def mixture(prefix: str) -> Mixture:
        return Mixture(
            router=router(f"{prefix}.router", sizes.hidden, experts, bias=True),
            experts=stored(
                prefix=f"{prefix}.experts", count=experts, hidden=sizes.hidden, inner=inner
            ),
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
                    sinks=f"{start}.self_attn.sinks",
                    window=window if kind == SLIDING else 0,
                ),
                mixture(f"{start}.mlp"),
            )
            for start, kind in (
                (f"model.layers.{layer}", kind) for layer, kind in enumerate(layer_types)
            )
        ),
        ropes=(rope,),
        attention_scale=sizes.head_dim**-0.5,
        routing=Routing(softmax_after_topk=True),
        activation="swiglu_oai",
        alpha=alpha,
        limit=limit,
    )


def _default_rope(plain: Rope) -> Rope:
    return dataclasses.replace(
        plain,
        kind="yarn",
        factor=_FACTOR,
        original_context=_ORIGINAL_CONTEXT,
        low=1.0,
        high=32.0,
        truncate=False,
        attention_factor=mscale(_FACTOR),
    )


def _is_mxfp4(config: HfConfig, sizes: Sizes, inner: int) -> bool:
    """Say how the experts are stored.

    Raises:
        UnsupportedError: rounded in another way, or sizes that no block of 32 divides.
    """
    section = config.section("quantization_config")
    if section is None:
        return False
    section.require("quant_method", "mxfp4")
    section.ignore("modules_to_not_convert")  # all but the experts
    section.ignore("dequantize")  # what transformers does while it loads
    section.refuse_the_rest()
    if sizes.hidden % BLOCK or inner % BLOCK:
        raise UnsupportedError(
            f"expected hidden_size and intermediate_size to be multiples of {BLOCK} for mxfp4"
            f" experts, found {sizes.hidden} and {inner}"
        )
    return True
