"""Every family's exports agree with transformers, whose logits make_golden_families.py stored."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_export import export_checkpoint
from onnx_export.arch import FAMILIES, read_spec
from onnx_export.checkpoint import Checkpoint
from onnx_export.hf_config import HfConfig
from onnx_export.parameters import estimated_bytes
from onnx_export.quantize.plan import plan
from onnx_export.random_checkpoint import write_random_checkpoint
from onnx_export.reference import ReferenceDecoder
from onnx_export.verify import relative_errors

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden_families.json").read_text("utf-8"))
TOLERANCE = 1e-4
Make = Callable[[str], Path]


@pytest.fixture(scope="module")
def logits() -> Any:
    """The prompt, and what transformers computed, by case."""
    return np.load(HERE / "golden_families.npz")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Path, logits: Any) -> Make:
    """Make the checkpoint of a case, the same bytes as when the logits were computed."""
    made: dict[str, Path] = {}

    def make(case: str) -> Path:
        if case not in made:
            made[case] = tmp_path_factory.mktemp("families") / "checkpoint"
            config = GOLDEN["common"] | GOLDEN["cases"][case]
            write_random_checkpoint(made[case], config, tiny_tokenizer, seed=GOLDEN["seed"])
            digest = hashlib.sha256((made[case] / "model.safetensors").read_bytes()).digest()
            assert digest == logits[f"{case}.sha256"].tobytes(), "numpy draws other numbers now"
        return made[case]

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
    """In one go, token by token, in chunks, and after a rewind behind a window."""
    export_checkpoint(checkpoint(case), tmp_path / "model", weights="fp32")
    graph, ids, expected = runner(tmp_path / "model", 128), logits["ids"], logits[case]

    assert error_of(graph.step(ids, 0), expected) < TOLERANCE
    assert error_of(graph.in_pieces(ids, range(1, len(ids) + 1)), expected) < TOLERANCE
    assert error_of(graph.in_pieces(ids, (3, 4, 37, len(ids))), expected) < TOLERANCE
    graph.step(ids[::-1].copy(), 24)  # another text behind position 24, then back
    assert error_of(graph.step(ids[24:], 24), expected[24:]) < TOLERANCE


@pytest.mark.parametrize("case", GOLDEN["cases"])
def test_numpy_reference_is_that_of_transformers(
    case: str, checkpoint: Make, logits: Any, error_of: Callable[[Any, Any], float]
) -> None:
    """What `--verify` compares with is right itself."""
    folder = checkpoint(case)
    reference = ReferenceDecoder(Checkpoint.open(folder), read_spec(HfConfig.open(folder)))

    assert error_of(reference.logits(logits["ids"]), logits[case]) < TOLERANCE


@pytest.mark.parametrize("case", GOLDEN["cases"])
@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_quantised_export_computes_with_the_rounded_weights(
    weights: str, case: str, checkpoint: Make, logits: Any, tmp_path: Path, runner: Any
) -> None:
    """What is left is the rounding of activations to 8 bits, which may turn a router's choice."""
    folder = checkpoint(case)
    export_checkpoint(folder, tmp_path / "model", weights=weights)
    spec = read_spec(HfConfig.open(folder))
    expected = ReferenceDecoder(Checkpoint.open(folder), spec, plan(weights)).logits(logits["ids"])

    found = runner(tmp_path / "model", 128).step(logits["ids"], 0)

    assert np.median(relative_errors(found, expected)) < 0.05
    assert (tmp_path / "model/weights.bin").stat().st_size <= estimated_bytes(spec, plan(weights))


@pytest.mark.parametrize("case", GOLDEN["cases"])
@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_verify_reports_what_rounding_costs(
    weights: str, case: str, checkpoint: Make, tmp_path: Path, runner: Any
) -> None:
    """Equal first choices and the divergence, for a family's random weights."""
    report = export_checkpoint(
        checkpoint(case),
        tmp_path / "model",
        weights=weights,
        verify=lambda path, ids: runner(path, 64).step(ids, 0),
    ).verified

    assert report is not None
    assert report.top1_agreement > (0.9 if weights == "int8" else 0.4)
    assert report.kl_divergence < (0.01 if weights == "int8" else 0.2)


def test_every_family_is_compared() -> None:
    """`qwen3_moe` in ../test_golden.py."""
    families = {case["model_type"] for case in GOLDEN["cases"].values()}
    assert families | {"qwen3_moe"} == set(FAMILIES)
