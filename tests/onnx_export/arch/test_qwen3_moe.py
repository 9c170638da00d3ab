"""config.json is read as transformers reads it; what would change the result is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from onnx_export.arch import FAMILIES, read_spec
from onnx_export.arch.spec import DecoderSpec
from onnx_export.errors import CheckpointError, ExportError, UnsupportedError
from onnx_export.hf_config import HfConfig
from onnx_export.random_checkpoint import qwen3_moe_config
from onnx_export.source import open_config

SIZES: dict[str, Any] = {
    "vocab": 600,
    "hidden": 64,
    "layers": 2,
    "heads": 4,
    "kv_heads": 2,
    "head_dim": 32,
    "experts": 8,
    "experts_per_token": 2,
    "expert_hidden": 40,
}


def spec_of(folder: Path, config: dict[str, Any]) -> DecoderSpec:
    """Write a config.json and read it."""
    (folder / "config.json").write_text(json.dumps(config))
    return read_spec(HfConfig.open(folder))


def changed(**changes: object) -> dict[str, Any]:
    """Return a sound config with some keys set, or removed by None."""
    config = qwen3_moe_config(**SIZES) | changes
    return {key: value for key, value in config.items() if value is not None}


def test_every_size_is_read(tmp_path: Path) -> None:
    """The config that we write ourselves."""
    spec = spec_of(tmp_path, qwen3_moe_config(**SIZES, context=99, rope_theta=5e5, norm_eps=1e-5))

    assert (spec.vocab, spec.hidden, spec.heads, spec.kv_heads) == (600, 64, 4, 2)
    assert (spec.head_dim, spec.experts, spec.experts_per_token) == (32, 8, 2)
    assert (spec.expert_hidden, spec.context, len(spec.layers)) == (40, 99, 2)
    assert (spec.rope_theta, spec.norm_eps, spec.norm_topk, spec.head) == (5e5, 1e-5, True, None)
    assert spec.shapes()["model.layers.1.mlp.experts.7.down_proj.weight"] == (64, 40)


def test_published_configuration(tmp_path: Path) -> None:
    """Qwen3-Coder-30B-A3B's, with keys of Qwen2-MoE that say what there is not."""
    published = {
        "architectures": ["Qwen3MoeForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "decoder_sparse_step": 1,
        "eos_token_id": 151_645,
        "head_dim": 128,
        "hidden_act": "silu",
        "hidden_size": 2048,
        "initializer_range": 0.02,
        "intermediate_size": 5472,
        "max_position_embeddings": 262_144,
        "max_window_layers": 28,
        "mlp_only_layers": [],
        "model_type": "qwen3_moe",
        "moe_intermediate_size": 768,
        "norm_topk_prob": True,
        "num_attention_heads": 32,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "num_hidden_layers": 48,
        "num_key_value_heads": 4,
        "output_router_logits": False,
        "qkv_bias": False,
        "rms_norm_eps": 1e-6,
        "rope_scaling": None,
        "rope_theta": 10_000_000,
        "router_aux_loss_coef": 0.0,
        "shared_expert_intermediate_size": 0,
        "sliding_window": None,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "use_qk_norm": True,
        "use_sliding_window": False,
        "vocab_size": 151_936,
    }
    spec = spec_of(tmp_path, published)

    assert spec == read_spec(open_config(Path("qwen3-coder-30b")))
    for key, value in (
        ("qkv_bias", True),
        ("use_qk_norm", False),
        ("shared_expert_intermediate_size", 512),
    ):
        with pytest.raises(UnsupportedError, match=f"{key} to be .*, found '{value}'"):
            spec_of(tmp_path, published | {key: value})


def test_absent_keys_are_transformers_defaults(tmp_path: Path) -> None:
    """As in Qwen3MoeConfig(): the router's weights are not normalised, the head is untied."""
    spec = spec_of(tmp_path, {"model_type": "qwen3_moe"})

    assert (spec.vocab, spec.hidden, spec.heads, spec.kv_heads) == (151_936, 2048, 32, 4)
    assert (spec.head_dim, spec.experts, spec.experts_per_token) == (64, 128, 8)
    assert (spec.expert_hidden, spec.context, len(spec.layers)) == (768, 32_768, 24)
    assert (spec.rope_theta, spec.norm_eps, spec.norm_topk) == (10_000.0, 1e-6, False)
    assert spec.head == "lm_head.weight"


@pytest.mark.parametrize(
    "changes",
    [
        {"num_experts": None},
        {"num_local_experts": None},
        {"rope_theta": None, "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0}},
        {"rope_parameters": None},
        {"rope_parameters": None, "rope_scaling": {"type": "default"}},
    ],
)
def test_old_and_new_spellings(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Transformers 4 and 5 name the experts and RoPE differently."""
    spec = spec_of(tmp_path, changed(**changes))

    assert (spec.experts, spec.rope_theta) == (8, 10_000.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_act": "gelu"}, "hidden_act to be 'silu', found 'gelu'"),
        ({"attention_bias": True}, "attention_bias"),
        ({"decoder_sparse_step": 2}, "decoder_sparse_step"),
        ({"mlp_only_layers": [0]}, "mlp_only_layers"),
        (
            {"use_sliding_window": True, "sliding_window": 16},
            "sliding_window to be null, found '16'",
        ),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "layer_types"),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 4.0}}, "rope_type to be 'default'"),
        ({"rope_scaling": {"type": "longrope"}}, "type to be 'default'"),
        ({"rope_parameters": {"partial_rotary_factor": 0.5}}, "partial_rotary_factor"),
        ({"rope_parameters": {"rope_type": "default", "surprise": 1}}, "found surprise"),
        ({"logit_softcap": 30.0}, "found logit_softcap"),
        ({"quantization_config": {"bits": 4}}, "found quantization_config"),
        ({"model_type": "jamba"}, "found 'jamba'; this family cannot be exported yet"),
    ],
)
def test_what_would_change_the_result_is_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    """Known keys with unknown values, unknown keys, unknown families."""
    with pytest.raises(UnsupportedError, match=message):
        spec_of(tmp_path, changed(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"sliding_window": 4096, "max_window_layers": 28},
        {"use_sliding_window": True, "sliding_window": None},
        {"layer_types": ["full_attention", "full_attention"]},
        {"_name_or_path": "x", "transformers_version": "4.51.0", "torch_dtype": "bfloat16"},
        {"mlp_only_layers": None, "attention_bias": None},
    ],
)
def test_what_does_not_change_the_result_is_let_through(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Keys of published configs that have no effect."""
    assert spec_of(tmp_path, changed(**changes)).hidden == 64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_local_experts": 4}, "num_experts and num_local_experts to be one number"),
        ({"rope_theta": 5.0}, "rope_theta to be 5.0 as above"),
        ({"hidden_size": "64"}, "hidden_size to be a whole number"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"rms_norm_eps": 0}, "rms_norm_eps to be a number above 0"),
        ({"norm_topk_prob": 1}, "norm_topk_prob to be true or false"),
        ({"num_key_value_heads": 3}, "a multiple of num_key_value_heads"),
        ({"head_dim": 31}, "head_dim to be even"),
        ({"num_experts_per_tok": 9}, "at most num_experts"),
        ({"model_type": None}, "model_type to be a text"),
    ],
)
def test_config_that_contradicts_itself(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    """Wrong types and impossible sizes."""
    with pytest.raises(ExportError, match=message):
        spec_of(tmp_path, changed(**changes))


def test_config_that_is_absent(tmp_path: Path) -> None:
    """One sentence names the file."""
    with pytest.raises(CheckpointError, match=r"config\.json: cannot be read"):
        HfConfig.open(tmp_path)


def test_families_are_named_as_model_types() -> None:
    """The file of a family is found by its config's model_type."""
    for name, reader in FAMILIES.items():
        assert reader.__module__ == f"onnx_export.arch.{name}"
