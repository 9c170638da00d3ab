"""All of the GPU benchmark in plain memory: limits, times and decoding through torch."""

import json
from pathlib import Path

import pytest

from evaluation.gpu.bench import run

pytest.importorskip("torch")


def test_the_rehearsal_does_all_of_it(fake_library: Path, tmp_path: Path) -> None:
    """Every figure that a GPU gives is there; what they say is nothing."""
    report = tmp_path / "report.json"
    words = ["--shapes", "gpt-oss-20b", "mellum2", "--weights", "int4", "--tokens", "1", "5"]

    status = run(["--rehearse", str(fake_library), "--json", str(report), *words], "")

    assert status == 0
    written = json.loads(report.read_text())
    assert written["not_run"] == []
    assert [(row["shape"], row["tokens"]) for row in written["rows"]] == [
        *(("gpt-oss-20b", 1), ("gpt-oss-20b", 5)),
        *(("mellum2", 1), ("mellum2", 5)),
    ]
    for row in written["rows"]:
        assert row["error"] < 1e-3
        assert min(row["ms"], row["gbps"], row["share_of_read"], row["share_of_matrix"]) > 0
    assert written["decode"]["tokens_per_s"] > 0
    assert written["decode"]["bytes_per_token"] > 0


def test_the_decoded_model_has_its_size() -> None:
    """gpt-oss-20b's: 20.9B parameters, 3.6B active."""
    from evaluation.gpu.decode import Sizes  # noqa: PLC0415 - it wants torch
    from evaluation.operators.shapes import SHAPES  # noqa: PLC0415

    shape = next(shape for shape in SHAPES if shape.name == "gpt-oss-20b")
    sizes = Sizes()
    dense = sizes.dense_parameters(shape)
    experts = sizes.layers * shape.expert_weights

    assert dense + experts * shape.experts == pytest.approx(20.9e9, rel=0.01)
    active = dense - sizes.vocab * shape.hidden + experts * shape.experts_per_token
    assert active == pytest.approx(3.6e9, rel=0.02)
