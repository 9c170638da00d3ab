"""Positions past 100,000: logits of transformers, stored by make_golden_far.py."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_export import export_checkpoint
from onnx_export.random_checkpoint import write_random_checkpoint

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden_far.json").read_text("utf-8"))
TOLERANCE = 1e-4
PAST = GOLDEN["past"]


@pytest.fixture(scope="module")
def logits() -> Any:
    """The prompt, and what transformers computed, by case."""
    return np.load(HERE / "golden_far.npz")


@pytest.fixture(scope="module")
def cache() -> dict[str, Any]:
    """Keys and values of the positions before, drawn as make_golden_far.py draws them."""
    common, rng = GOLDEN["common"], np.random.default_rng(GOLDEN["seed"])
    rng.integers(0, common["vocab_size"], GOLDEN["tokens"])
    shape = (1, common["num_key_value_heads"], PAST, common["head_dim"])
    key, value = (rng.standard_normal(shape, dtype=np.float32) for _ in "kv")
    return {"0_key": key * np.float32(GOLDEN["key_scale"]), "0_value": value}


@pytest.mark.parametrize("case", GOLDEN["cases"])
def test_logits_past_100_000_positions(
    case: str,
    logits: Any,
    cache: dict[str, Any],
    tmp_path: Path,
    tiny_tokenizer: Path,
    runner: Any,
    error_of: Callable[[Any, Any], float],
) -> None:
    """In one go; after a rewind behind the window; a frequency wrong by 1e-6 would show."""
    checkpoint, ids, expected = tmp_path / "checkpoint", logits["ids"], logits[case]
    config = GOLDEN["common"] | GOLDEN["cases"][case]
    write_random_checkpoint(checkpoint, config, tiny_tokenizer, seed=GOLDEN["seed"])
    digest = hashlib.sha256((checkpoint / "model.safetensors").read_bytes()).digest()
    assert digest == logits[f"{case}.sha256"].tobytes(), "numpy draws other numbers now"
    export_checkpoint(checkpoint, tmp_path / "model", weights="fp32")
    graph = runner(tmp_path / "model", PAST + len(ids))
    for name, values in cache.items():
        graph.buffers[name][:, :, :PAST] = values

    assert error_of(graph.step(ids, PAST), expected) < TOLERANCE
    graph.step(ids[::-1].copy(), PAST)
    assert error_of(graph.step(ids, PAST), expected) < TOLERANCE
    assert error_of(graph.step(ids[6:], PAST + 6), expected[6:]) < TOLERANCE
