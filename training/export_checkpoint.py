"""Writes a training checkpoint as Hugging Face qwen3_moe: config, weights, tokenizer."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from training import checkpoint
from training.errors import CheckpointError
from training.model import Model, ModelConfig
from training.quantise import rounded_weights
from training.tokenizer import ENDOFTEXT, PAD, SPECIALS, load_plain


def open_model(path: Path) -> Model:
    """Rebuilds the model of a checkpoint.

    Raises:
        CheckpointError: the file is missing, damaged, or its weights do not fit its shape.
    """
    _, weights, _, config = checkpoint.load(path)
    try:
        model = Model(ModelConfig(**config))
        model.load_state_dict(weights)
    except (TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path}: expected weights of one model, found: {error}") from error
    model.eval()
    return model


def export_checkpoint(path: Path, tokenizer: Path, out: Path, *, rounded: bool = False) -> None:
    """Writes config.json, model.safetensors, tokenizer.json and tokenizer_config.json.

    Args:
        path: the training checkpoint.
        tokenizer: its tokenizer.json.
        out: the folder, made if missing.
        rounded: write the matrices as the 4-bit-aware finish computes with them, rounded as the
            exporter rounds; exporting them in int4 then changes none, in fp32 neither.
    """
    model = open_model(path)
    load_plain(tokenizer)  # refuses a tokenizer with other markers
    out.mkdir(parents=True, exist_ok=True)
    with rounded_weights(model) if rounded else nullcontext():
        weights = {name: weight.float().contiguous() for name, weight in named_weights(model)}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    _write(out / "config.json", hf_config(model.config))
    (out / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    _write(
        out / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": model.config.context,
            "eos_token": SPECIALS[ENDOFTEXT],
            "pad_token": SPECIALS[PAD],
            "clean_up_tokenization_spaces": False,
        },
    )


def named_weights(model: Model) -> Iterator[tuple[str, Tensor]]:
    """Yields every weight under transformers' name, experts one by one."""
    yield "model.embed_tokens.weight", model.embedding.detach()
    yield "model.norm.weight", model.norm.detach()
    for index, layer in enumerate(model.layers):
        prefix = f"model.layers.{index}"
        attention, experts = layer.attention, layer.experts
        for name in "qkvo":
            yield f"{prefix}.self_attn.{name}_proj.weight", getattr(attention, name).detach()
        yield f"{prefix}.self_attn.q_norm.weight", attention.q_norm.detach()
        yield f"{prefix}.self_attn.k_norm.weight", attention.k_norm.detach()
        yield f"{prefix}.input_layernorm.weight", layer.attention_norm.detach()
        yield f"{prefix}.post_attention_layernorm.weight", layer.experts_norm.detach()
        yield f"{prefix}.mlp.gate.weight", experts.router.detach()
        for expert, (gate_up, down) in enumerate(zip(experts.gate_up, experts.down, strict=True)):
            gate, up = gate_up.detach().chunk(2)
            yield f"{prefix}.mlp.experts.{expert}.gate_proj.weight", gate
            yield f"{prefix}.mlp.experts.{expert}.up_proj.weight", up
            yield f"{prefix}.mlp.experts.{expert}.down_proj.weight", down.detach()


def hf_config(config: ModelConfig) -> dict[str, Any]:
    """States every key that transformers 4 and 5, llama.cpp or our exporter would guess."""
    return {
        "architectures": ["Qwen3MoeForCausalLM"],
        "model_type": "qwen3_moe",
        "vocab_size": config.vocab,
        "hidden_size": config.hidden,
        "intermediate_size": config.expert_hidden * config.experts_per_token,
        "moe_intermediate_size": config.expert_hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "num_experts": config.experts,
        "num_local_experts": config.experts,
        "num_experts_per_tok": config.experts_per_token,
        "norm_topk_prob": True,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "hidden_act": "silu",
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "max_position_embeddings": config.context,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "use_sliding_window": False,
        "sliding_window": None,
        "initializer_range": 0.02,
        "use_cache": True,
        "output_router_logits": False,
        "router_aux_loss_coef": 0.01,
        "bos_token_id": None,
        "eos_token_id": ENDOFTEXT,
        "pad_token_id": PAD,
        "torch_dtype": "float32",
        "dtype": "float32",
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
