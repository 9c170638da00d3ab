"""Qwen2-MoE's configuration is read as transformers reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from onnx_export.arch import read_spec
from onnx_export.arch.layers import GroupedAttention, Mixture
from onnx_export.arch.spec import DecoderSpec
from onnx_export.errors import CheckpointError, ExportError, UnsupportedError
from onnx_export.hf_config import HfConfig
from onnx_export.parameters import active_parameters, total_parameters

# Qwen1.5-MoE-A2.7B
PUBLISHED: dict[str, Any] = {
    "architectures": ["Qwen2MoeForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "decoder_sparse_step": 1,
    "eos_token_id": 151643,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 5632,
    "max_position_embeddings": 8192,
    "max_window_layers": 21,
    "model_type": "qwen2_moe",
    "moe_intermediate_size": 1408,
    "norm_topk_prob": False,
    "num_attention_heads": 16,
    "num_experts": 60,
    "num_experts_per_tok": 4,
    "num_hidden_layers": 24,
    "num_key_value_heads": 16,
    "output_router_logits": False,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "router_aux_loss_coef": 0.001,
    "shared_expert_intermediate_size": 5632,
    "sliding_window": 32768,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.39.0.dev0",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 151936,
}
LARGE: dict[str, Any] = PUBLISHED | {  # Qwen2-57B-A14B
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "max_position_embeddings": 131072,
    "moe_intermediate_size": 2560,
    "num_attention_heads": 28,
    "num_experts": 64,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 28,
    "num_key_value_heads": 4,
    "shared_expert_intermediate_size": 20480,
}
FULL, SLIDING = "full_attention", "sliding_attention"


def spec_of(folder: Path, config: dict[str, Any]) -> DecoderSpec:
    """Write a config.json and read it."""
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2_moe"} | config))
    return read_spec(HfConfig.open(folder))


def windows_of(spec: DecoderSpec) -> list[int]:
    """Return what the tokens of each layer see."""
    parts = [layer.attention for layer in spec.layers]
    return [part.window for part in parts if isinstance(part, GroupedAttention)]


@pytest.mark.parametrize(
    ("config", "total", "active"), [(PUBLISHED, 14.3e9, 2.7e9), (LARGE, 57.4e9, 14.2e9)]
)
def test_published_configurations(
    tmp_path: Path, config: dict[str, Any], total: float, active: float
) -> None:
    """Billions of parameters as its makers say; the shared expert counts for every token."""
    spec = spec_of(tmp_path, config)

    assert total_parameters(spec) == pytest.approx(total, rel=0.01)
    assert active_parameters(spec) == pytest.approx(active, rel=0.02)
    assert (spec.dense_layers, set(windows_of(spec))) == (0, {0})
    assert spec.shared_hidden == config["shared_expert_intermediate_size"]


def test_absent_keys_are_transformers_defaults(tmp_path: Path) -> None:
    """As in Qwen2MoeConfig(): the sizes of the smaller model."""
    spec = spec_of(tmp_path, {})

    assert spec.shapes() == spec_of(tmp_path, PUBLISHED).shapes()
    assert (spec.context, spec.rope_theta, spec.norm_topk) == (32_768, 1e4, False)


def test_layers_without_experts(tmp_path: Path) -> None:
    """Those that `mlp_only_layers` names, and all but every second one."""
    changes = {"num_hidden_layers": 4, "decoder_sparse_step": 2, "mlp_only_layers": [3]}
    spec = spec_of(tmp_path, PUBLISHED | changes)
    kinds = [isinstance(layer.feed_forward, Mixture) for layer in spec.layers]

    assert kinds == [False, True, False, False]
    assert (spec.dense_layers, spec.dense_hidden) == (3, 5632)
    assert spec.shapes()["model.layers.3.mlp.up_proj.weight"] == (5632, 2048)


def test_windows_are_where_transformers_has_them(tmp_path: Path) -> None:
    """In every second one of the first `max_window_layers`, or as `layer_types` says."""
    asked = {"num_hidden_layers": 4, "use_sliding_window": True, "sliding_window": 64}

    assert windows_of(spec_of(tmp_path, asked)) == [64, 0, 64, 0]
    assert windows_of(spec_of(tmp_path, asked | {"max_window_layers": 2})) == [64, 0, 0, 0]
    types = asked | {"layer_types": [FULL, FULL, SLIDING, SLIDING]}
    assert windows_of(spec_of(tmp_path, types)) == [0, 0, 64, 64]
    plain = {"num_hidden_layers": 4, "sliding_window": 0, "layer_types": [FULL] * 4}
    assert windows_of(spec_of(tmp_path, plain)) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"hidden_act": "gelu"}, UnsupportedError, "hidden_act"),
        ({"layer_types": [SLIDING] * 24}, CheckpointError, "where no window is asked for"),
        (
            {"use_sliding_window": True, "sliding_window": 0},
            CheckpointError,
            "where no window is asked for",
        ),
        ({"mlp_only_layers": [1, "2"]}, CheckpointError, "mlp_only_layers"),
        ({"num_shared_experts": 2}, UnsupportedError, "found num_shared_experts"),
    ],
)
def test_what_is_not_known_is_refused(
    tmp_path: Path, changes: dict[str, Any], kind: type[ExportError], message: str
) -> None:
    """By name."""
    with pytest.raises(kind, match=message):
        spec_of(tmp_path, PUBLISHED | changes)
