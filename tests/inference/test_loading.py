"""What cannot be loaded is refused in one clear sentence."""

import os
import shutil
from pathlib import Path

import pytest

import inference
from inference import Engine, ModelDirectoryError, OperatorLibraryError


def test_missing_library_is_one_clear_sentence(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken away, the operator library is named with what to do."""
    monkeypatch.setattr(inference.ops, "__path__", [str(tmp_path)])

    with pytest.raises(OperatorLibraryError, match=r"libmixline_ops\.so.*pip install"):
        Engine.open(model)


def test_unknown_kernel_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forced kernel that does not exist stops the start, not the first token."""
    monkeypatch.setenv("MIXLINE_ISA", "abacus")

    with pytest.raises(OperatorLibraryError, match="abacus"):
        Engine.open(model)


def test_damaged_directory_is_refused(model: Path, tmp_path: Path) -> None:
    """Missing, truncated and contradicting parts, each with its own error."""
    with pytest.raises(ModelDirectoryError, match="nowhere"):
        Engine.open(tmp_path / "nowhere")
    for name in ("weights.bin", "tokenizer.json", "model.onnx", "manifest.json"):
        damaged = tmp_path / name
        shutil.copytree(model, damaged)
        os.truncate(damaged / name, (damaged / name).stat().st_size // 2)
        with pytest.raises(ModelDirectoryError, match="expected"):
            Engine.open(damaged)
    unmarked = tmp_path / "unmarked"
    shutil.copytree(model, unmarked)
    manifest = (unmarked / "manifest.json").read_text().replace('"layers": 2', '"layers": 3')
    (unmarked / "manifest.json").write_text(manifest)
    with pytest.raises(ModelDirectoryError):
        Engine.open(unmarked)
