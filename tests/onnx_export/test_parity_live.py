"""Exports of random models agree with transformers, computed side by side."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_export import VerifyReport, export_checkpoint, transformers_logits

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

PROMPT_TOKENS = 200
TOLERANCE = 1e-4

SIZES = {
    "vocab_size": 600,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 48,
    "norm_topk_prob": True,
    "tie_word_embeddings": True,
    "max_position_embeddings": 512,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "normalised_tied": {},
    "not_normalised": {"norm_topk_prob": False},
    "untied": {"tie_word_embeddings": False},
    "one_kv_head": {"num_key_value_heads": 1},
    "odd_expert_hidden": {"moe_intermediate_size": 37},
    "odd_hidden": {"hidden_size": 50},
    "default_head_dim_of_8": {"hidden_size": 32, "head_dim": None},
    "head_dim_of_24": {"head_dim": 24},
    "all_experts": {"num_experts_per_tok": 8, "norm_topk_prob": False},
    "rope_theta": {"rope_theta": 1_000_000.0},
    "wide_weights": {"initializer_range": 0.2},
}


def make_checkpoint(folder: Path, tokenizer: Path, changes: dict[str, Any]) -> Any:
    """Save a random Qwen3MoeForCausalLM and return it."""
    torch.manual_seed(0)
    sizes = {key: value for key, value in (SIZES | changes).items() if value is not None}
    # torch's grouped matrix product refuses odd sizes; the plain loop over experts takes all.
    config = transformers.Qwen3MoeConfig(**sizes, experts_implementation="eager")
    model = transformers.Qwen3MoeForCausalLM(config).eval()
    with torch.no_grad():  # transformers starts norms at exactly 1, which hides a swapped weight
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.mul_(1 + 0.2 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    return model


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_are_those_of_transformers(
    variant: str,
    tmp_path: Path,
    tiny_tokenizer: Path,
    runner: Any,
    error_of: Callable[[Any, Any], float],
) -> None:
    """In one go, token by token, in uneven chunks, and after a rewind."""
    model = make_checkpoint(tmp_path / "checkpoint", tiny_tokenizer, VARIANTS[variant])
    ids = np.random.default_rng(1).integers(0, SIZES["vocab_size"], PROMPT_TOKENS)
    with torch.no_grad():
        expected = model(torch.from_numpy(ids)[None]).logits[0].numpy()
    export_checkpoint(tmp_path / "checkpoint", tmp_path / "model", weights="fp32")

    graph = runner(tmp_path / "model", 256)

    assert error_of(graph.step(ids, 0), expected) < TOLERANCE
    assert error_of(graph.in_pieces(ids, range(1, 201)), expected) < TOLERANCE
    assert error_of(graph.in_pieces(ids, (3, 4, 64, 131, 200)), expected) < TOLERANCE
    graph.step(ids[139::-1].copy(), 60)  # another text behind position 60, then back
    assert error_of(graph.step(ids[60:], 60), expected[60:]) < TOLERANCE


def test_bf16_checkpoint_is_read_exactly(
    tmp_path: Path, tiny_tokenizer: Path, runner: Any, error_of: Callable[[Any, Any], float]
) -> None:
    """`--weights keep` computes with the values that the checkpoint stores."""
    folder = tmp_path / "checkpoint"
    model = make_checkpoint(folder, tiny_tokenizer, {}).bfloat16()
    model.save_pretrained(folder)
    ids = np.arange(PROMPT_TOKENS)
    with torch.no_grad():
        model = transformers.Qwen3MoeForCausalLM.from_pretrained(folder, dtype=torch.float32)
        expected = model(torch.from_numpy(ids)[None]).logits[0].numpy()

    export_checkpoint(folder, tmp_path / "model", weights="keep")

    assert json.loads((folder / "config.json").read_text())["dtype"] == "bfloat16"
    assert error_of(runner(tmp_path / "model", 256).step(ids, 0), expected) < TOLERANCE


def test_shards_are_put_together(
    tmp_path: Path, tiny_tokenizer: Path, runner: Any, error_of: Callable[[Any, Any], float]
) -> None:
    """A checkpoint of several files with an index is read like one file."""
    folder = tmp_path / "checkpoint"
    model = make_checkpoint(folder, tiny_tokenizer, {})
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="200KB")
    ids = np.arange(PROMPT_TOKENS)
    with torch.no_grad():
        expected = model(torch.from_numpy(ids)[None]).logits[0].numpy()

    export_checkpoint(folder, tmp_path / "model", weights="fp32")

    assert len(list(folder.glob("*.safetensors"))) > 2
    assert error_of(runner(tmp_path / "model", 256).step(ids, 0), expected) < TOLERANCE


def test_verify_compares_with_transformers(
    tmp_path: Path, tiny_checkpoint: Path, runner: Callable[[Path, int], Any]
) -> None:
    """Where it is installed; a model too large for the memory is left to numpy."""

    def verified(name: str, memory_bytes: int) -> VerifyReport | None:
        return export_checkpoint(
            tiny_checkpoint,
            tmp_path / name,
            weights="fp32",
            verify=lambda path, ids: runner(path, 64).step(ids, 0),
            peer=lambda folder, ids: transformers_logits(folder, ids, memory_bytes),
        ).verified

    reports = [verified("a", 2**30), verified("b", 2**10)]

    assert [report.unrounded_by for report in reports if report] == ["transformers", "numpy"]
    assert all(report.relative_error < TOLERANCE for report in reports if report)
