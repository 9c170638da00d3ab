"""Exports of random models of every family agree with transformers, computed side by side."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_export import export_checkpoint
from onnx_export.arch import FAMILIES, read_spec
from onnx_export.checkpoint import Checkpoint
from onnx_export.hf_config import HfConfig
from onnx_export.random_checkpoint import write_random_checkpoint
from onnx_export.reference import ReferenceDecoder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
load_file = pytest.importorskip("safetensors.torch").load_file
convert_moe_packed_tensors = pytest.importorskip(
    "transformers.integrations.mxfp4"
).convert_moe_packed_tensors

PROMPT_TOKENS = 90
WINDOW = 16
VOCAB = 600
TOLERANCE = 1e-4
FULL, SLIDING = "full_attention", "sliding_attention"
FAR = 100_000

SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 64,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "num_experts_per_tok": 2,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}


@dataclass(frozen=True)
class Variant:
    """A random model: its family, and what its configuration says beside SIZES."""

    family: str
    changes: dict[str, Any] = field(default_factory=dict)


GPT_OSS = {"num_local_experts": 8, "sliding_window": WINDOW}
MELLUM = {"num_experts": 8, "moe_intermediate_size": 48, "sliding_window": WINDOW}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 128,
}
MIXTRAL = {"num_local_experts": 8}
OLMOE = {"num_experts": 8, "head_dim": 16}
QWEN2_MOE = {
    "num_experts": 8,
    "moe_intermediate_size": 48,
    "shared_expert_intermediate_size": 56,
}
GRANITEMOE = {
    "num_local_experts": 8,
    "embedding_multiplier": 12.0,
    "attention_multiplier": 0.3,
    "residual_multiplier": 0.22,
    "logits_scaling": 6.0,
}
DEEPSEEK_V2 = {
    "num_key_value_heads": 4,
    "n_routed_experts": 8,
    "moe_intermediate_size": 48,
    "n_shared_experts": 2,
    "first_k_dense_replace": 1,
    "q_lora_rank": None,
    "kv_lora_rank": 40,
    "qk_nope_head_dim": 24,
    "qk_rope_head_dim": 16,
    "v_head_dim": 20,
}
DEEPSEEK_YARN = YARN | {"mscale": 0.707, "mscale_all_dim": 0.5}
MIXED = [SLIDING, FULL, SLIDING]
VARIANTS = {
    "gpt_oss": Variant("gpt_oss", GPT_OSS),
    "gpt_oss_plain_rope": Variant(
        "gpt_oss", GPT_OSS | {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}
    ),
    "gpt_oss_tied_odd": Variant(
        "gpt_oss",
        GPT_OSS
        | {
            "hidden_size": 50,
            "intermediate_size": 37,
            "head_dim": 24,
            "tie_word_embeddings": True,
            "swiglu_limit": 0.05,
        },
    ),
    "gpt_oss_no_bias": Variant("gpt_oss", GPT_OSS | {"attention_bias": False}),
    "mellum": Variant("mellum", MELLUM | {"layer_types": MIXED}),
    "mellum_all_full": Variant("mellum", MELLUM),
    "mellum_dense_layer": Variant(
        "mellum",
        MELLUM
        | {
            "layer_types": MIXED,
            "mlp_layer_types": ["dense", "sparse", "sparse"],
            "attention_bias": True,
            "norm_topk_prob": False,
        },
    ),
    "mellum_two_ropes": Variant(
        "mellum",
        MELLUM
        | {
            "layer_types": MIXED,
            "rope_parameters": {
                FULL: YARN | {"rope_theta": 5e5},
                SLIDING: LLAMA3 | {"rope_theta": 1e4},
            },
        },
    ),
    "mixtral": Variant("mixtral", MIXTRAL),
    "mixtral_window": Variant(
        "mixtral",
        MIXTRAL | {"sliding_window": WINDOW, "rope_parameters": LLAMA3, "head_dim": None},
    ),
    "mixtral_tied_odd": Variant(
        "mixtral",
        MIXTRAL
        | {"hidden_size": 50, "intermediate_size": 37, "head_dim": 24, "tie_word_embeddings": True},
    ),
    "olmoe": Variant("olmoe", OLMOE),
    "olmoe_each_its_own_key": Variant(
        "olmoe",
        OLMOE | {"num_key_value_heads": None, "norm_topk_prob": True, "num_experts_per_tok": 3},
    ),
    "olmoe_clipped_odd": Variant(
        "olmoe",
        OLMOE
        | {
            "hidden_size": 96,
            "head_dim": 24,
            "clip_qkv": 0.8,
            "attention_bias": True,
            "tie_word_embeddings": True,
        },
    ),
    "qwen2_moe": Variant("qwen2_moe", QWEN2_MOE),
    "qwen2_moe_dense_layers": Variant(
        "qwen2_moe",
        QWEN2_MOE
        | {
            "num_hidden_layers": 4,
            "decoder_sparse_step": 2,
            "mlp_only_layers": [3],
            "norm_topk_prob": True,
            "qkv_bias": False,
        },
    ),
    "qwen2_moe_windows": Variant(
        "qwen2_moe",
        QWEN2_MOE
        | {
            "num_hidden_layers": 4,
            "use_sliding_window": True,
            "sliding_window": WINDOW,
            "max_window_layers": 2,
            "rope_parameters": YARN,
        },
    ),
    "granitemoe": Variant("granitemoe", GRANITEMOE),
    "granitemoe_plain": Variant(
        "granitemoe",
        {
            "num_local_experts": 8,
            "num_key_value_heads": None,
            "attention_bias": True,
            "tie_word_embeddings": True,
        },
    ),
    "deepseek_v2": Variant("deepseek_v2", DEEPSEEK_V2 | {"rope_parameters": DEEPSEEK_YARN}),
    "deepseek_v2_groups": Variant(
        "deepseek_v2",
        DEEPSEEK_V2
        | {
            "q_lora_rank": 36,
            "topk_method": "group_limited_greedy",
            "n_group": 4,
            "topk_group": 2,
            "num_experts_per_tok": 3,
            "routed_scaling_factor": 2.5,
            "attention_bias": True,
            "v_head_dim": 56,
        },
    ),
    "qwen3_moe_yarn": Variant("qwen3_moe", {"num_experts": 8, "rope_parameters": YARN}),
}


def make_model(variant: Variant) -> Any:
    """Return a random model whose every weight matters."""
    torch.manual_seed(0)
    kinds = transformers.models.auto
    config_type = kinds.configuration_auto.CONFIG_MAPPING[variant.family]
    # torch's grouped matrix product refuses odd sizes; the plain loop over experts takes all.
    config = config_type(**(SIZES | variant.changes), experts_implementation="eager")
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config).eval().float()
    with torch.no_grad():  # norms start at exactly 1 and biases at 0, which hides swapped ones
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.mul_(1 + 0.2 * torch.randn_like(parameter))
            elif "bias" in name or "sinks" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
            else:
                parameter.mul_(4)
    return model


def save(model: Any, folder: Path, tokenizer: Path) -> Path:
    """Write a checkpoint as transformers does."""
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    return folder


def logits_of(model: Any, ids: Any) -> Any:
    """Return transformers' logits."""
    with torch.no_grad():
        return model(torch.from_numpy(ids)[None]).logits[0].numpy()


@pytest.mark.parametrize("name", VARIANTS)
def test_logits_are_those_of_transformers(
    name: str,
    tmp_path: Path,
    tiny_tokenizer: Path,
    runner: Any,
    error_of: Callable[[Any, Any], float],
) -> None:
    """In one go, token by token, in chunks, after a rewind behind a window; and in numpy."""
    model = make_model(VARIANTS[name])
    checkpoint = save(model, tmp_path / "checkpoint", tiny_tokenizer)
    ids = np.random.default_rng(1).integers(0, VOCAB, PROMPT_TOKENS)
    expected = logits_of(model, ids)
    export_checkpoint(checkpoint, tmp_path / "model", weights="fp32")

    graph = runner(tmp_path / "model", 256)

    assert error_of(graph.step(ids, 0), expected) < TOLERANCE
    assert error_of(graph.in_pieces(ids, range(1, PROMPT_TOKENS + 1)), expected) < TOLERANCE
    assert error_of(graph.in_pieces(ids, (3, 4, 40, 71, PROMPT_TOKENS)), expected) < TOLERANCE
    back = 3 * WINDOW // 2
    graph.step(ids[::-1].copy(), back)  # another text behind, more than a window, then back
    assert error_of(graph.step(ids[back:], back), expected[back:]) < TOLERANCE
    reference = ReferenceDecoder(Checkpoint.open(checkpoint), read_spec(HfConfig.open(checkpoint)))
    assert error_of(reference.logits(ids), expected) < TOLERANCE


STACKED = (
    "deepseek_v2",
    "granitemoe",
    "mellum_dense_layer",
    "mixtral",
    "olmoe",
    "qwen2_moe",
    "qwen3_moe_yarn",
)


@pytest.mark.parametrize("name", STACKED)
def test_names_of_transformers_5_give_the_same_model(
    name: str, tmp_path: Path, tiny_tokenizer: Path
) -> None:
    """Experts stacked in two tensors, as they are in its memory: the same bytes as one by one."""
    model = make_model(VARIANTS[name])
    for original in (True, False):
        folder = tmp_path / f"checkpoint {original}"
        model.save_pretrained(folder, save_original_format=original)
        (folder / "tokenizer.json").write_bytes(tiny_tokenizer.read_bytes())
        export_checkpoint(folder, tmp_path / str(original) / "model", weights="int4")
    both = [
        Checkpoint.open(tmp_path / f"checkpoint {original}").names() for original in (True, False)
    ]

    assert [name for name in both[1] if name.endswith("experts.gate_up_proj")]
    assert not [name for name in both[0] if name.endswith("experts.gate_up_proj")]
    for file in ("weights.bin", "model.onnx"):
        first, second = (tmp_path / str(original) / "model" / file for original in (True, False))
        assert first.read_bytes() == second.read_bytes()


def test_every_family_is_compared() -> None:
    """Above, or for the shipped model's in test_parity_live.py."""
    assert {variant.family for variant in VARIANTS.values()} == set(FAMILIES)


FAR_VARIANTS = {
    "plain": Variant("qwen3_moe", {"num_experts": 8}),
    "linear": Variant(
        "qwen3_moe", {"num_experts": 8, "rope_parameters": {"rope_type": "linear", "factor": 4.0}}
    ),
    "yarn": Variant("qwen3_moe", {"num_experts": 8, "rope_parameters": YARN}),
    "llama3": Variant("qwen3_moe", {"num_experts": 8, "rope_parameters": LLAMA3}),
    "gpt_oss": VARIANTS["gpt_oss"],
    "mellum_two_ropes": VARIANTS["mellum_two_ropes"],
}


@pytest.mark.parametrize("name", FAR_VARIANTS)
def test_positions_past_100_000(
    name: str,
    tmp_path: Path,
    tiny_tokenizer: Path,
    runner: Any,
    error_of: Callable[[Any, Any], float],
) -> None:
    """Behind the same random keys and values, a prompt gets the same logits."""
    variant = FAR_VARIANTS[name]
    sizes = {"max_position_embeddings": 131_072, "num_key_value_heads": 1}
    model = make_model(Variant(variant.family, variant.changes | sizes))
    checkpoint = save(model, tmp_path / "checkpoint", tiny_tokenizer)
    export_checkpoint(checkpoint, tmp_path / "model", weights="fp32")
    ids = np.random.default_rng(2).integers(0, VOCAB, 2 * WINDOW)
    graph = runner(tmp_path / "model", FAR + len(ids))
    cache = transformers.DynamicCache()
    torch.manual_seed(1)
    for layer in range(graph.architecture.layers):
        past = [torch.randn(1, 1, FAR, SIZES["head_dim"]) for _ in range(2)]
        cache.update(*past, layer)
        for part, values in zip(("key", "value"), past, strict=True):
            graph.buffers[f"{layer}_{part}"][:, :, :FAR] = values.numpy()
    with torch.no_grad():
        expected = model(torch.from_numpy(ids)[None], past_key_values=cache).logits[0].numpy()

    assert error_of(graph.step(ids, FAR), expected) < TOLERANCE


def test_mxfp4_experts_are_what_transformers_decodes(
    tmp_path: Path, tiny_tokenizer: Path, runner: Any, error_of: Callable[[Any, Any], float]
) -> None:
    """Published blocks and scales, put into transformers' model by its own function."""
    folder = tmp_path / "checkpoint"
    sizes = SIZES | GPT_OSS | {"intermediate_size": 96}
    config = sizes | {"model_type": "gpt_oss", "quantization_config": {"quant_method": "mxfp4"}}
    write_random_checkpoint(folder, config, tiny_tokenizer)
    state = load_file(folder / "model.safetensors")
    for name in [name for name in state if name.endswith("_blocks")]:
        scales = state.pop(name.replace("_blocks", "_scales"))
        state[name.removesuffix("_blocks")] = convert_moe_packed_tensors(
            state.pop(name), scales, dtype=torch.float32
        )
    model = make_model(Variant("gpt_oss", GPT_OSS | {"intermediate_size": 96}))
    model.load_state_dict(state)
    ids = np.random.default_rng(1).integers(0, VOCAB, PROMPT_TOKENS)
    expected = logits_of(model, ids)

    export_checkpoint(folder, tmp_path / "fp32", weights="fp32")
    report = export_checkpoint(
        folder,
        tmp_path / "keep",
        weights="keep",
        verify=lambda path, ids: runner(path, 64).step(ids, 0),
    ).verified

    assert error_of(runner(tmp_path / "fp32", 256).step(ids, 0), expected) < TOLERANCE
    assert report is not None
    assert report.relative_error < 0.05  # activations are rounded to 8 bits
