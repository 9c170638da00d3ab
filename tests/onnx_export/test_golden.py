"""Exports agree with transformers' logits, which were computed once by make_golden.py."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_export import export_checkpoint
from onnx_export.arch import read_spec
from onnx_export.checkpoint import Checkpoint
from onnx_export.hf_config import HfConfig
from onnx_export.quantize.plan import plan
from onnx_export.random_checkpoint import qwen3_moe_config, write_random_checkpoint
from onnx_export.reference import ReferenceDecoder
from onnx_export.verify import relative_errors

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden.json").read_text("utf-8"))
IDS = np.array(GOLDEN["ids"])
TOLERANCE = 1e-4
Make = Callable[[str], Path]


@pytest.fixture(scope="module")
def logits() -> Any:
    """What transformers computed, by case."""
    return np.load(HERE / "golden_logits.npz")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Path, logits: Any) -> Make:
    """Make the checkpoint of a case, the same bytes as when the logits were computed."""

    def make(case: str) -> Path:
        folder = tmp_path_factory.mktemp("golden") / "checkpoint"
        config = qwen3_moe_config(**(GOLDEN["sizes"] | GOLDEN["cases"][case]))
        write_random_checkpoint(folder, config, tiny_tokenizer, seed=GOLDEN["seed"])
        digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).digest()
        assert digest == logits[f"{case}.sha256"].tobytes(), "numpy draws other numbers now"
        return folder

    return make


@pytest.mark.parametrize("case", GOLDEN["cases"])
def test_fp32_is_exact_however_the_prompt_is_fed(
    case: str,
    checkpoint: Make,
    logits: Any,
    tmp_path: Path,
    runner: Any,
    error_of: Callable[[Any, Any], float],
) -> None:
    """In one go, token by token, in uneven chunks, and after a rewind."""
    export_checkpoint(checkpoint(case), tmp_path / "model", weights="fp32")
    graph, expected = runner(tmp_path / "model", 256), logits[case]

    assert error_of(graph.step(IDS, 0), expected) < TOLERANCE
    assert error_of(graph.in_pieces(IDS, range(1, 201)), expected) < TOLERANCE
    assert error_of(graph.in_pieces(IDS, (3, 4, 64, 131, 200)), expected) < TOLERANCE
    graph.step(IDS[139::-1].copy(), 60)  # another text behind position 60, then back
    assert error_of(graph.step(IDS[60:], 60), expected[60:]) < TOLERANCE


@pytest.mark.parametrize("case", GOLDEN["cases"])
def test_numpy_reference_is_that_of_transformers(
    case: str, checkpoint: Make, logits: Any, error_of: Callable[[Any, Any], float]
) -> None:
    """What `--verify` compares with is right itself."""
    folder = checkpoint(case)
    reference = ReferenceDecoder(Checkpoint.open(folder), read_spec(HfConfig.open(folder)))

    assert error_of(reference.logits(IDS), logits[case]) < TOLERANCE


@pytest.mark.parametrize("case", GOLDEN["cases"])
@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_quantised_export_computes_with_the_rounded_weights(
    weights: str, case: str, checkpoint: Make, tmp_path: Path, runner: Any
) -> None:
    """The rest of the error is the rounding of activations to 8 bits.

    That rounding may turn a router's choice between two experts that are nearly equal, so the
    median position counts, and the worst one where every expert is chosen.
    """
    folder = checkpoint(case)
    export_checkpoint(folder, tmp_path / "model", weights=weights)
    spec = read_spec(HfConfig.open(folder))
    expected = ReferenceDecoder(Checkpoint.open(folder), spec, plan(weights)).logits(IDS)

    found = runner(tmp_path / "model", 256).step(IDS, 0)

    errors = relative_errors(found, expected)
    assert np.median(errors) < 0.05
    assert case != "all_experts" or errors.max() < 0.05
