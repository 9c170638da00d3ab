"""OLMoE's configuration is read as transformers reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from onnx_export.arch import read_spec
from onnx_export.arch.layers import GroupedAttention, Vector
from onnx_export.arch.spec import DecoderSpec
from onnx_export.errors import CheckpointError, ExportError, UnsupportedError
from onnx_export.hf_config import HfConfig
from onnx_export.parameters import active_parameters, total_parameters

# OLMoE-1B-7B-0924
PUBLISHED: dict[str, Any] = {
    "architectures": ["OlmoeForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "clip_qkv": None,
    "eos_token_id": 50279,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 1024,
    "max_position_embeddings": 4096,
    "model_type": "olmoe",
    "norm_topk_prob": False,
    "num_attention_heads": 16,
    "num_experts": 64,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 16,
    "num_key_value_heads": 16,
    "output_router_logits": False,
    "pad_token_id": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "router_aux_loss_coef": 0.01,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.43.0.dev0",
    "use_cache": True,
    "vocab_size": 50304,
}


def spec_of(folder: Path, config: dict[str, Any]) -> DecoderSpec:
    """Write a config.json and read it."""
    (folder / "config.json").write_text(json.dumps({"model_type": "olmoe"} | config))
    return read_spec(HfConfig.open(folder))


def attention_of(spec: DecoderSpec) -> GroupedAttention:
    """Return the first layer's."""
    part = spec.layers[0].attention
    assert isinstance(part, GroupedAttention)
    return part


def test_published_configuration(tmp_path: Path) -> None:
    """6.9 billion parameters, 1.3 active, as its makers say; norms over all heads."""
    spec = spec_of(tmp_path, PUBLISHED)
    part = attention_of(spec)

    assert total_parameters(spec) == pytest.approx(6.92e9, rel=0.01)
    assert active_parameters(spec) == pytest.approx(1.28e9, rel=0.01)
    assert part.query_norm == Vector(name="model.layers.0.self_attn.q_norm.weight", size=2048)
    assert (part.clip, spec.norm_topk) == (None, False)


def test_absent_keys_are_transformers_defaults(tmp_path: Path) -> None:
    """As in OlmoeConfig(): experts are twice as wide as the published ones."""
    spec = spec_of(tmp_path, {})

    assert (spec.expert_hidden, spec.kv_heads, spec.rope_theta) == (2048, 16, 1e4)
    assert spec.layers[0].attention == attention_of(spec_of(tmp_path, PUBLISHED))


def test_norms_are_as_wide_as_their_heads(tmp_path: Path) -> None:
    """Fewer key heads, a shorter norm; both spellings of the experts' number; a limit."""
    spec = spec_of(tmp_path, {"num_key_value_heads": 4, "num_local_experts": 8, "clip_qkv": 8.0})
    part = attention_of(spec)

    assert part.key_norm == Vector(name="model.layers.0.self_attn.k_norm.weight", size=512)
    assert (spec.experts, part.clip) == (8, 8.0)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"hidden_act": "gelu"}, UnsupportedError, "hidden_act"),
        ({"head_dim": 64}, UnsupportedError, "head_dim to be 128, found '64'"),
        ({"clip_qkv": -1.0}, CheckpointError, "clip_qkv to be a number above 0"),
        ({"num_local_experts": 8}, CheckpointError, "num_experts and num_local_experts"),
        ({"sliding_window": 64}, UnsupportedError, "found sliding_window"),
        ({"surprise": 1}, UnsupportedError, "found surprise"),
    ],
)
def test_what_is_not_known_is_refused(
    tmp_path: Path, changes: dict[str, Any], kind: type[ExportError], message: str
) -> None:
    """By name."""
    with pytest.raises(kind, match=message):
        spec_of(tmp_path, PUBLISHED | changes)
