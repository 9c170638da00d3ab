"""Verification lets a right export through and stops a wrong one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_export import ExportError, export_checkpoint


@pytest.mark.parametrize("weights", ["fp32", "int8", "int4"])
def test_right_export_is_measured(
    weights: str, tmp_path: Path, tiny_checkpoint: Path, runner: Any
) -> None:
    """Error, equal first choices and divergence come back with the report."""
    report = export_checkpoint(
        tiny_checkpoint,
        tmp_path / "model",
        weights=weights,
        verify=lambda path, ids: runner(path, 64).step(ids, 0),
    )

    verified = report.verified
    assert verified is not None
    assert verified.relative_error < (1e-4 if weights == "fp32" else 0.25)
    assert verified.top1_agreement >= (1.0 if weights == "fp32" else 0.3)
    assert 0 <= verified.kl_divergence < (1e-6 if weights == "fp32" else 2.0)
    assert "equal first choices" in str(report)


@pytest.mark.parametrize("weights", ["fp32", "int4"])
def test_wrong_export_is_stopped(
    weights: str, tmp_path: Path, tiny_checkpoint: Path, runner: Any
) -> None:
    """Logits of another prompt, or NaN: no directory appears."""
    for wrong in (
        lambda path, ids: runner(path, 64).step((ids + 1) % 600, 0),
        lambda path, ids: np.full_like(runner(path, 64).step(ids, 0), np.nan),
    ):
        with pytest.raises(ExportError, match="expected logits within"):
            export_checkpoint(tiny_checkpoint, tmp_path / "m", weights=weights, verify=wrong)
    assert not list(tmp_path.iterdir())
