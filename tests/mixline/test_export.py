"""`mixline export`: random weights from the command line, and the progress line."""

import json
import sys
import time
from pathlib import Path

import pytest

from inference.model_dir import ModelDir
from mixline.__main__ import main
from mixline.commands.export import _Progress
from onnx_export.random_checkpoint import qwen3_moe_config


def test_random_weights(
    tmp_path: Path, tiny_tokenizer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A configuration is enough; layers can be left out."""
    folder = tmp_path / "config"
    folder.mkdir()
    config = qwen3_moe_config(
        vocab=600,
        hidden=32,
        layers=2,
        heads=2,
        kv_heads=1,
        head_dim=16,
        experts=4,
        experts_per_token=2,
        expert_hidden=32,
    )
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_bytes(tiny_tokenizer.read_bytes())
    words = ["--random-weights", "--layers", "1", "--seed", "3", "--verify"]

    assert main(["export", str(folder), str(tmp_path / "model"), *words]) == 0
    assert "(by numpy)" in capsys.readouterr().out
    assert ModelDir.open(tmp_path / "model").manifest.architecture.layers == 1


@pytest.mark.parametrize("option", ["--seed", "--layers"])
def test_options_of_random_weights(
    tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They mean nothing for a checkpoint."""
    assert main(["export", str(tmp_path), str(tmp_path / "model"), option, "1"]) == 2
    assert f"{option} goes with --random-weights" in capsys.readouterr().err


def test_progress_tells_bytes_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the speed of the last half minute: what was taken over at the start does not count."""
    clock = iter([100.0, 101.0, 103.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = _Progress()

    for done in (500_000_000, 600_000_000, 800_000_000):
        progress(done, 1_000_000_000, "a tensor")
    progress.close()

    drawn = capsys.readouterr().err.split("\r\x1b[K")
    assert drawn[1] == " 50.0%  500 of 1,000 MB    a tensor"
    assert drawn[3] == " 80.0%  800 of 1,000 MB  2 s left  a tensor"
    assert drawn[4] == ""
