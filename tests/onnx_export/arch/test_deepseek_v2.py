"""DeepSeek-V2's configuration is read as transformers reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from onnx_export.arch import read_spec
from onnx_export.arch.layers import LatentAttention
from onnx_export.arch.spec import DecoderSpec
from onnx_export.errors import CheckpointError, ExportError, UnsupportedError
from onnx_export.hf_config import HfConfig
from onnx_export.parameters import active_parameters, total_parameters

# DeepSeek-Coder-V2-Lite-Base
PUBLISHED: dict[str, Any] = {
    "architectures": ["DeepseekV2ForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "auto_map": {"AutoConfig": "configuration_deepseek.DeepseekV2Config"},
    "aux_loss_alpha": 0.001,
    "bos_token_id": 100000,
    "eos_token_id": 100001,
    "first_k_dense_replace": 1,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 10944,
    "kv_lora_rank": 512,
    "max_position_embeddings": 163840,
    "model_type": "deepseek_v2",
    "moe_intermediate_size": 1408,
    "moe_layer_freq": 1,
    "n_group": 1,
    "n_routed_experts": 64,
    "n_shared_experts": 2,
    "norm_topk_prob": False,
    "num_attention_heads": 16,
    "num_experts_per_tok": 6,
    "num_hidden_layers": 27,
    "num_key_value_heads": 16,
    "pretraining_tp": 1,
    "q_lora_rank": None,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "rms_norm_eps": 1e-06,
    "rope_scaling": {
        "beta_fast": 32,
        "beta_slow": 1,
        "factor": 40,
        "mscale": 0.707,
        "mscale_all_dim": 0.707,
        "original_max_position_embeddings": 4096,
        "type": "yarn",
    },
    "rope_theta": 10000,
    "routed_scaling_factor": 1.0,
    "scoring_func": "softmax",
    "seq_aux": True,
    "tie_word_embeddings": False,
    "topk_group": 1,
    "topk_method": "greedy",
    "torch_dtype": "bfloat16",
    "transformers_version": "4.39.3",
    "use_cache": True,
    "v_head_dim": 128,
    "vocab_size": 102400,
}
LARGE: dict[str, Any] = PUBLISHED | {  # DeepSeek-Coder-V2-Base
    "hidden_size": 5120,
    "intermediate_size": 12288,
    "moe_intermediate_size": 1536,
    "n_group": 8,
    "n_routed_experts": 160,
    "num_attention_heads": 128,
    "num_hidden_layers": 60,
    "num_key_value_heads": 128,
    "q_lora_rank": 1536,
    "routed_scaling_factor": 16.0,
    "topk_group": 3,
    "topk_method": "group_limited_greedy",
}


def spec_of(folder: Path, config: dict[str, Any]) -> DecoderSpec:
    """Write a config.json and read it."""
    (folder / "config.json").write_text(json.dumps({"model_type": "deepseek_v2"} | config))
    return read_spec(HfConfig.open(folder))


def attention_of(spec: DecoderSpec) -> LatentAttention:
    """Return the last layer's."""
    part = spec.layers[-1].attention
    assert isinstance(part, LatentAttention)
    return part


@pytest.mark.parametrize(
    ("config", "total", "active"), [(PUBLISHED, 15.7e9, 2.66e9), (LARGE, 235.7e9, 21.4e9)]
)
def test_published_configurations(
    tmp_path: Path, config: dict[str, Any], total: float, active: float
) -> None:
    """Billions of parameters: shared experts and the dense first layer count for every token."""
    spec = spec_of(tmp_path, config)

    assert total_parameters(spec) == pytest.approx(total, rel=0.01)
    assert active_parameters(spec) == pytest.approx(active, rel=0.02)
    assert (spec.dense_layers, spec.dense_hidden) == (1, config["intermediate_size"])
    assert spec.shared_hidden == 2 * config["moe_intermediate_size"]
    assert (spec.head_dim, spec.kv_heads) == (192, spec.heads)


def test_queries_with_and_without_a_latent_vector(tmp_path: Path) -> None:
    """By `q_lora_rank`, whose null is not its default."""
    lite = attention_of(spec_of(tmp_path, PUBLISHED))
    large = attention_of(spec_of(tmp_path, LARGE))
    absent = {key: value for key, value in PUBLISHED.items() if key != "q_lora_rank"}

    assert (lite.query_down, lite.query_norm, lite.query.inputs) == (None, None, 2048)
    assert large.query_norm is not None
    assert (large.query_norm.size, large.query.inputs) == (1536, 1536)
    assert attention_of(spec_of(tmp_path, absent)).query.inputs == 1536


def test_scores_grow_with_the_context(tmp_path: Path) -> None:
    """By the square of YaRN's 1 + 0.0707 ln 40; the angles' own factor cancels out."""
    spec = spec_of(tmp_path, PUBLISHED)

    assert spec.attention_scale == pytest.approx(192**-0.5 * 1.2608**2, rel=1e-4)
    assert (spec.ropes[0].dims, spec.ropes[0].attention_factor) == (64, 1.0)
    plain = spec_of(tmp_path, PUBLISHED | {"rope_scaling": None})
    assert plain.attention_scale == 192**-0.5


def test_routing(tmp_path: Path) -> None:
    """Among all experts, where groups do not count; or in a token's best groups."""
    lite, large = (spec_of(tmp_path, config).routing for config in (PUBLISHED, LARGE))

    assert (lite.n_group, lite.topk_group, lite.scale, lite.normalize) == (0, 0, 1.0, False)
    assert (large.n_group, large.topk_group, large.scale) == (8, 3, 16.0)


def test_absent_keys_are_transformers_defaults(tmp_path: Path) -> None:
    """As in DeepseekV2Config(), which leaves only the experts per token open."""
    spec = spec_of(tmp_path, {"num_experts_per_tok": 6})

    assert (spec.hidden, spec.heads, spec.experts, spec.expert_hidden) == (4096, 32, 64, 1407)
    assert (spec.dense_layers, spec.shared_hidden, spec.context) == (0, 2814, 2048)


def test_a_value_may_be_wider_than_a_key(tmp_path: Path) -> None:
    """The graph's heads are as wide as the wider of them; scores are of the keys' width."""
    spec = spec_of(tmp_path, PUBLISHED | {"v_head_dim": 208, "rope_scaling": None})

    assert (spec.head_dim, spec.attention_scale) == (208, 192**-0.5)


def test_keys_that_transformers_5_writes(tmp_path: Path) -> None:
    """Head sizes that follow from the others, and the experts' other name."""
    changes = {"head_dim": 64, "qk_head_dim": 192, "num_experts": 64, "n_group": None}

    assert spec_of(tmp_path, PUBLISHED | changes) == spec_of(tmp_path, PUBLISHED)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"topk_method": "noaux_tc"}, UnsupportedError, "topk_method to be 'greedy'"),
        ({"scoring_func": "sigmoid"}, UnsupportedError, "scoring_func to be 'softmax'"),
        ({"norm_topk_prob": True}, UnsupportedError, "norm_topk_prob to be False"),
        ({"moe_layer_freq": 2}, UnsupportedError, "moe_layer_freq to be 1"),
        ({"mlp_bias": True}, UnsupportedError, "mlp_bias"),
        ({"num_key_value_heads": 4}, UnsupportedError, "num_key_value_heads to be 16"),
        ({"qk_rope_head_dim": 63}, CheckpointError, "qk_rope_head_dim to be even"),
        ({"num_experts_per_tok": None}, CheckpointError, "num_experts_per_tok to be a whole"),
        ({"num_experts": 8}, CheckpointError, "n_routed_experts and num_experts"),
        ({"q_lora_rank": "x"}, CheckpointError, "q_lora_rank to be a whole number"),
        ({"first_k_dense_replace": 27}, UnsupportedError, "found none in its 27 layers"),
        ({"surprise": 1}, UnsupportedError, "found surprise"),
    ],
)
def test_what_is_not_known_is_refused(
    tmp_path: Path, changes: dict[str, Any], kind: type[ExportError], message: str
) -> None:
    """By name."""
    with pytest.raises(kind, match=message):
        spec_of(tmp_path, PUBLISHED | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_group": 7}, "n_group to be a divisor of the 160 experts"),
        ({"topk_group": 9}, "topk_group to be so many of 8 groups"),
        ({"n_group": 80, "topk_group": 2}, "topk_group to be so many of 80 groups"),
    ],
)
def test_groups_that_hold_no_experts_for_a_token(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    """They must divide the experts, and the open ones must hold as many as a token gets."""
    with pytest.raises(CheckpointError, match=message):
        spec_of(tmp_path, LARGE | changes)
