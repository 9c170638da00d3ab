"""`mixline finetune` from a folder of code to a model directory, in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from inference.model_dir import ModelDir

pytest.importorskip("torch")

LIBRARY = Path(sysconfig.get_paths()["stdlib"])


def finetune(cache: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "mixline", "finetune", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder of code."""
    root = tmp_path / "workspace"
    for part in ("json", "wsgiref"):
        shutil.copytree(LIBRARY / part, root / part, ignore=shutil.ignore_patterns("*.pyc"))
    return root


def test_a_workspace_becomes_a_model(workspace: Path, tmp_path: Path, tiny_model: Path) -> None:
    """One JSON object on stdout, progress on stderr, a directory that opens, an empty cache."""
    words = (str(workspace), str(tmp_path / "tuned"))
    options = ("--model", str(tiny_model), "--minutes", "0.1", "--json")
    done = finetune(tmp_path / "cache", *words, *options)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["bits_per_byte_after"] < report["bits_per_byte_before"]
    assert report["base"] == "tiny"
    assert "measuring the unseen files before\n" in done.stderr
    assert ModelDir.open(tmp_path / "tuned", verify=True).manifest.name == "tuned"
    assert list((tmp_path / "cache/mixline/finetune").iterdir()) == []

    again = finetune(tmp_path / "cache", *words, *options)
    assert (again.returncode, again.stdout) == (1, "")
    assert "expected no such file or folder" in again.stderr


def test_too_little_code_is_status_1(tmp_path: Path, tiny_model: Path) -> None:
    """An empty folder is named as such."""
    (tmp_path / "empty").mkdir()
    words = (str(tmp_path / "empty"), str(tmp_path / "out"), "--model", str(tiny_model))
    done = finetune(tmp_path, *words)

    assert (done.returncode, done.stdout) == (1, "")
    assert "expected at least 5 source files" in done.stderr
