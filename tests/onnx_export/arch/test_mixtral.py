"""Mixtral's configuration is read as transformers reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from onnx_export.arch import read_spec
from onnx_export.arch.layers import GroupedAttention
from onnx_export.arch.spec import DecoderSpec
from onnx_export.errors import ExportError, UnsupportedError
from onnx_export.hf_config import HfConfig
from onnx_export.parameters import active_parameters, total_parameters

# Mixtral-8x7B-v0.1, as published
PUBLISHED: dict[str, Any] = {
    "architectures": ["MixtralForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 4096,
    "initializer_range": 0.02,
    "intermediate_size": 14336,
    "max_position_embeddings": 32768,
    "model_type": "mixtral",
    "num_attention_heads": 32,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "num_local_experts": 8,
    "output_router_logits": False,
    "rms_norm_eps": 1e-05,
    "rope_theta": 1000000.0,
    "router_aux_loss_coef": 0.02,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.36.0.dev0",
    "use_cache": True,
    "vocab_size": 32000,
}


def spec_of(folder: Path, config: dict[str, Any]) -> DecoderSpec:
    """Write a config.json and read it."""
    (folder / "config.json").write_text(json.dumps({"model_type": "mixtral"} | config))
    return read_spec(HfConfig.open(folder))


def test_published_configuration(tmp_path: Path) -> None:
    """46.7 billion parameters, 12.9 active, as its makers say."""
    spec = spec_of(tmp_path, PUBLISHED)

    assert total_parameters(spec) == pytest.approx(46.7e9, rel=0.01)
    assert active_parameters(spec) == pytest.approx(12.9e9, rel=0.01)
    assert spec.head == "lm_head.weight"
    assert spec.norm_topk
    assert "model.layers.31.block_sparse_moe.experts.7.w3.weight" in spec.shapes()


def test_absent_keys_are_transformers_defaults(tmp_path: Path) -> None:
    """As in MixtralConfig(): the sizes of 8x7B, and a longer context."""
    spec = spec_of(tmp_path, {})

    assert (spec.context, spec.rope_theta, spec.head_dim) == (131_072, 1e6, 128)
    assert spec.shapes() == spec_of(tmp_path, PUBLISHED).shapes()


def test_keys_of_both_versions(tmp_path: Path) -> None:
    """Experts and RoPE as transformers 4 and 5 name them, and a window for all layers."""
    old = spec_of(tmp_path, {"num_local_experts": 4, "rope_theta": 5.0, "sliding_window": 99})
    new = spec_of(
        tmp_path,
        {"num_experts": 4, "rope_parameters": {"rope_theta": 5.0}, "sliding_window": 99},
    )
    parts = [layer.attention for layer in new.layers]

    assert old == new
    assert (new.experts, new.rope_theta) == (4, 5.0)
    assert {part.window for part in parts if isinstance(part, GroupedAttention)} == {99}


def test_names_of_a_checkpoint_decide(tmp_path: Path) -> None:
    """Transformers 5 has the experts stacked, and can store them so."""
    spec = spec_of(tmp_path, PUBLISHED | {"num_hidden_layers": 1})
    prefix = "model.layers.0.mlp"
    shapes = {
        f"{prefix}.gate.weight": (8, 4096),
        f"{prefix}.experts.gate_up_proj": (8, 28_672, 4096),
        f"{prefix}.experts.down_proj": (8, 4096, 14_336),
    }
    stacked = spec.stored_in(shapes)

    assert shapes.items() <= stacked.shapes().items()
    assert not [name for name in stacked.shapes() if "block_sparse_moe" in name]
    assert total_parameters(stacked) == total_parameters(spec)
    assert spec.stored_in(spec.shapes()) == spec
    assert spec.stored_in(list(shapes)[:2]) == spec


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"hidden_act": "gelu"}, UnsupportedError, "hidden_act"),
        ({"num_experts": 4}, ExportError, "num_local_experts and num_experts to be one number"),
        ({"num_experts_per_tok": 9}, UnsupportedError, "at most num_experts"),
        ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, UnsupportedError, "type to be"),
        ({"quantization_config": {"bits": 4}}, UnsupportedError, "found quantization_config"),
    ],
)
def test_what_is_not_known_is_refused(
    tmp_path: Path, changes: dict[str, Any], kind: type[ExportError], message: str
) -> None:
    """By name."""
    with pytest.raises(kind, match=message):
        spec_of(tmp_path, PUBLISHED | changes)
