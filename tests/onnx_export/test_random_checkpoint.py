"""Random checkpoints are those of their seed, and nothing but the model stays on the disk."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.errors import MixlineError
from onnx_export.arch import read_spec
from onnx_export.hf_config import HfConfig
from onnx_export.parameters import active_parameters, total_parameters
from onnx_export.random_checkpoint import (
    make_random_model,
    qwen3_moe_config,
    write_random_checkpoint,
)

SIZES: dict[str, Any] = {
    "vocab": 600,
    "hidden": 32,
    "layers": 1,
    "heads": 2,
    "kv_heads": 1,
    "head_dim": 16,
    "experts": 4,
    "experts_per_token": 2,
    "expert_hidden": 16,
}


def test_seed_decides_the_weights(tmp_path: Path, tiny_tokenizer: Path) -> None:
    """The same seed gives the same file, another one does not."""
    config = qwen3_moe_config(**SIZES)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_random_checkpoint(tmp_path / name, config, tiny_tokenizer, seed=seed)

    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_only_the_model_stays(tmp_path: Path, tiny_tokenizer: Path) -> None:
    """The checkpoint between is removed, also when the export fails."""
    make_random_model(tmp_path / "model", qwen3_moe_config(**SIZES), tiny_tokenizer)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]

    with pytest.raises(MixlineError):
        make_random_model(
            tmp_path / "other", qwen3_moe_config(**SIZES), tiny_tokenizer, weights="no"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_published_sizes_are_counted_right(tmp_path: Path) -> None:
    """Qwen3-Coder-30B-A3B: 30.5 billion parameters, 3.3 billion of them active."""
    config = qwen3_moe_config(
        vocab=151_936,
        hidden=2048,
        layers=48,
        heads=32,
        kv_heads=4,
        head_dim=128,
        experts=128,
        experts_per_token=8,
        expert_hidden=768,
        context=262_144,
        tied=False,
    )
    (tmp_path / "config.json").write_text(json.dumps(config))
    spec = read_spec(HfConfig.open(tmp_path))

    assert np.isclose(total_parameters(spec), 30.5e9, rtol=0.01)
    assert np.isclose(active_parameters(spec), 3.3e9, rtol=0.02)
