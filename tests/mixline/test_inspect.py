"""`mixline inspect` reads model directories, configurations and presets."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mixline.__main__ import main


def inspected(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    """JSON of a run that succeeds."""
    assert main(["inspect", *map(str, words), "--json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_estimate_of_a_checkpoint_is_what_its_export_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, tiny_checkpoint: Path, tiny_model: Path
) -> None:
    """Counts are equal, bytes close; config.json is enough."""
    (tmp_path / "config").mkdir()
    shutil.copy(tiny_checkpoint / "config.json", tmp_path / "config")
    before = inspected(capsys, tmp_path / "config")
    after = inspected(capsys, tiny_model)

    assert (before["kind"], after["kind"]) == ("configuration", "model directory")
    for key in ("total_parameters", "active_parameters", "layers", "experts", "context"):
        assert before[key] == after[key]
    row = next(row for row in before["rows"] if row["weights"] == "f32")
    assert row["token_mb"] == pytest.approx(after["rows"][0]["token_mb"], rel=0.1)
    assert row["kv_format"] == after["rows"][0]["kv_format"]
    assert after["read_bandwidth_gbps"] > 0
    assert after["measured"] is None


def test_run_projects_to_more_layers(capsys: pytest.CaptureFixture[str], tiny_model: Path) -> None:
    """A model of a thousand such layers is slower."""
    measured = inspected(capsys, tiny_model, "--run", "--as-layers", 1000)["measured"]

    assert (measured["layers"], measured["projected_layers"]) == (2, 1000)
    assert measured["step_without_head_ms"] > 0
    assert 0 < measured["projected_tokens_per_s"] < 1e3 / measured["step_without_head_ms"]


def test_preset_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """By its name, with counts and every format of the weights."""
    assert main(["inspect", "codex-mini"]) == 0
    out = capsys.readouterr().out

    assert "120 billion parameters, 3.59 billion active" in out
    assert all(f"\n| {weights} |" in out for weights in ("int4", "int8", "f32"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent"], "one of the presets codex-mini"),
        (["codex-mini", "--run"], "--run needs a model directory, found a configuration"),
        (["codex-mini", "--as-layers", "3"], "--as-layers goes with --run"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    """One sentence, exit status 2."""
    assert main(["inspect", *words]) == 2
    assert message in capsys.readouterr().err
