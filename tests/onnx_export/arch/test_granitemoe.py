"""GraniteMoE's configuration is read as transformers reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from onnx_export.arch import read_spec
from onnx_export.arch.spec import DecoderSpec
from onnx_export.errors import CheckpointError, ExportError, UnsupportedError
from onnx_export.hf_config import HfConfig
from onnx_export.parameters import active_parameters, total_parameters

# granite-3.0-1b-a400m-base
PUBLISHED: dict[str, Any] = {
    "architectures": ["GraniteMoeForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.1,
    "attention_multiplier": 0.015625,
    "bos_token_id": 0,
    "embedding_multiplier": 12.0,
    "eos_token_id": 0,
    "hidden_act": "silu",
    "hidden_size": 1024,
    "initializer_range": 0.02,
    "intermediate_size": 512,
    "logits_scaling": 6.0,
    "max_position_embeddings": 4096,
    "model_type": "granitemoe",
    "num_attention_heads": 16,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 24,
    "num_key_value_heads": 8,
    "num_local_experts": 32,
    "output_router_logits": False,
    "pad_token_id": 0,
    "residual_multiplier": 0.22,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "router_aux_loss_coef": 0.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.46.0.dev0",
    "use_cache": True,
    "vocab_size": 49155,
}
LARGE: dict[str, Any] = PUBLISHED | {  # granite-3.0-3b-a800m-base
    "hidden_size": 1536,
    "num_attention_heads": 24,
    "num_hidden_layers": 32,
    "num_local_experts": 40,
}


def spec_of(folder: Path, config: dict[str, Any]) -> DecoderSpec:
    """Write a config.json and read it."""
    (folder / "config.json").write_text(json.dumps({"model_type": "granitemoe"} | config))
    return read_spec(HfConfig.open(folder))


@pytest.mark.parametrize(
    ("config", "total", "active"), [(PUBLISHED, 1.33e9, 0.43e9), (LARGE, 3.3e9, 0.88e9)]
)
def test_published_configurations(
    tmp_path: Path, config: dict[str, Any], total: float, active: float
) -> None:
    """Billions of parameters, all and active, of which the names count those behind the table."""
    spec = spec_of(tmp_path, config)

    assert total_parameters(spec) == pytest.approx(total, rel=0.02)
    assert active_parameters(spec) == pytest.approx(active, rel=0.02)
    assert spec.head is None


def test_factors(tmp_path: Path) -> None:
    """Of embedding, scores and branches; logits are divided."""
    spec = spec_of(tmp_path, PUBLISHED)

    assert (spec.embedding_scale, spec.attention_scale) == (12.0, 0.015625)
    assert (spec.residual_scale, spec.logit_scale) == (0.22, 1 / 6)
    assert spec.routing.softmax_after_topk


def test_absent_keys_are_transformers_defaults(tmp_path: Path) -> None:
    """As in GraniteMoeConfig(): all factors are 1, that of the scores too."""
    spec = spec_of(tmp_path, {})

    assert (spec.embedding_scale, spec.attention_scale) == (1.0, 1.0)
    assert (spec.residual_scale, spec.logit_scale) == (1.0, 1.0)
    assert (spec.hidden, spec.kv_heads, spec.experts, spec.context) == (4096, 32, 8, 2048)
    assert spec.head == "lm_head.weight"


def test_names_of_a_checkpoint_decide(tmp_path: Path) -> None:
    """Published and transformers 5's names, of the same shapes."""
    spec = spec_of(tmp_path, PUBLISHED | {"num_hidden_layers": 1})
    prefix = "model.layers.0.block_sparse_moe"
    published = {
        f"{prefix}.router.layer.weight": (32, 1024),
        f"{prefix}.input_linear.weight": (32, 1024, 1024),
        f"{prefix}.output_linear.weight": (32, 1024, 512),
    }
    renamed = {
        f"{prefix}.router.weight": (32, 1024),
        f"{prefix}.experts.gate_up_proj": (32, 1024, 1024),
        f"{prefix}.experts.down_proj": (32, 1024, 512),
    }

    assert published.items() <= spec.shapes().items()
    assert renamed.items() <= spec.stored_in(renamed).shapes().items()


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"hidden_act": "gelu"}, UnsupportedError, "hidden_act"),
        ({"logits_scaling": 0}, CheckpointError, "logits_scaling to be a number above 0"),
        ({"num_experts": 8}, UnsupportedError, "found num_experts"),
        ({"shared_intermediate_size": 8}, UnsupportedError, "found shared_intermediate_size"),
        ({"position_embedding_type": "nope"}, UnsupportedError, "found position_embedding_type"),
    ],
)
def test_what_is_not_known_is_refused(
    tmp_path: Path, changes: dict[str, Any], kind: type[ExportError], message: str
) -> None:
    """By name."""
    with pytest.raises(kind, match=message):
        spec_of(tmp_path, PUBLISHED | changes)
