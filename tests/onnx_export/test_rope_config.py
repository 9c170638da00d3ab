"""RoPE is read as transformers reads it, and turns as far; what is not known is refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_export.errors import CheckpointError, ExportError, UnsupportedError
from onnx_export.hf_config import HfConfig
from onnx_export.rope import Rope
from onnx_export.rope_config import read_rope

GOLDEN = json.loads((Path(__file__).parent / "golden_rope.json").read_text("utf-8"))
CONTEXT = 131_072
PLAIN = Rope(theta=10_000.0, dims=32)
YARN = {"rope_type": "yarn", "factor": 4.0}


def rope_of(folder: Path, values: Mapping[str, Any]) -> Rope:
    """Read the RoPE of a config.json that says nothing else."""
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3_moe", **values}))
    config = HfConfig.open(folder)
    rope, _ = read_rope(config, PLAIN, CONTEXT)
    config.refuse_the_rest()
    return rope


@pytest.mark.parametrize("case", GOLDEN)
def test_frequencies_are_those_of_transformers(case: str, tmp_path: Path) -> None:
    """To the last or last but one bit of f32, so that they agree at position 131,072 too."""
    golden = GOLDEN[case]
    rope = rope_of(tmp_path, {"rope_parameters": golden["rope_parameters"]})
    expected = np.array(golden["frequencies"], np.float32)

    assert np.abs(rope.frequencies().view(np.int32) - expected.view(np.int32)).max() <= 1
    assert rope.attention_factor == pytest.approx(golden["attention_factor"], rel=1e-12)


@pytest.mark.parametrize("case", GOLDEN)
def test_old_spelling(case: str, tmp_path: Path) -> None:
    """`rope_scaling` with `type` beside `rope_theta` says the same as `rope_parameters`."""
    new = GOLDEN[case]["rope_parameters"]
    old = {key: value for key, value in new.items() if key not in {"rope_type", "rope_theta"}}
    values = {
        "rope_scaling": {"type": new["rope_type"], **old},
        "rope_theta": new["rope_theta"],
    }

    assert rope_of(tmp_path, values) == rope_of(tmp_path, {"rope_parameters": new})


def test_tables_hold_every_position() -> None:
    """Cosines and sines of position times frequency, times the attention factor."""
    rope = Rope(theta=100.0, dims=4, attention_factor=2.0)
    cosines, sines = rope.tables(6)

    assert cosines.shape == sines.shape == (6, 2)
    assert cosines[5] == pytest.approx(2 * np.cos([5.0, 0.5]), rel=1e-6)
    assert sines[5] == pytest.approx(2 * np.sin([5.0, 0.5]), rel=1e-6)


def test_absent_keys(tmp_path: Path) -> None:
    """Yarn's original context is the model's, the ramp runs from 32 turns to 1."""
    rope = rope_of(tmp_path, {"rope_parameters": YARN})

    assert (rope.original_context, rope.low, rope.high, rope.truncate) == (CONTEXT, 1, 32, True)
    assert rope_of(tmp_path, {}) == PLAIN


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}, UnsupportedError, "dynamic"),
        ({"rope_scaling": {"type": "longrope"}}, UnsupportedError, "longrope"),
        ({"rope_parameters": YARN | {"surprise": 1}}, UnsupportedError, "found surprise"),
        (
            {"rope_parameters": {"rope_type": "linear"}},
            CheckpointError,
            "factor to be a number",
        ),
        (
            {"rope_parameters": YARN, "rope_scaling": {"type": "linear", "factor": 2.0}},
            CheckpointError,
            "rope_parameters and rope_scaling to be the same",
        ),
        (
            {"rope_parameters": YARN | {"type": "linear"}},
            UnsupportedError,
            "type to be 'yarn', found 'linear'",
        ),
        (
            {"rope_parameters": YARN | {"beta_fast": 1.0, "beta_slow": 2.0}},
            CheckpointError,
            "beta_fast to be above beta_slow",
        ),
        (
            {
                "rope_parameters": {
                    "rope_type": "llama3",
                    "factor": 8.0,
                    "low_freq_factor": 4.0,
                    "high_freq_factor": 4.0,
                }
            },
            CheckpointError,
            "high_freq_factor to be above low_freq_factor",
        ),
    ],
)
def test_what_is_not_known_is_refused(
    tmp_path: Path, values: dict[str, Any], kind: type[ExportError], message: str
) -> None:
    """Other kinds, unknown keys, missing ones, contradictions."""
    with pytest.raises(kind, match=message):
        rope_of(tmp_path, values)
