"""`mixline finetune` as a user meets it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # what a missing package looks like
from mixline.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def run(cache: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own."""
    return subprocess.run(
        [sys.executable, "-P", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )


def test_missing_torch_is_one_sentence(tmp_path: Path) -> None:
    """Status 1 and the command that installs it."""
    done = run(tmp_path, "-c", WITHOUT_TORCH, "finetune", str(tmp_path), str(tmp_path / "tuned"))

    assert (done.returncode, done.stdout) == (1, "")
    assert "'torch'" in done.stderr
    assert "pip install 'mixline[train]'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("none", "out"), "expected a folder of code, found nothing"),
        (("{file}", "out"), "expected a folder of code, found a file"),
        (("{folder}",), "OUT_DIR"),
        (("{folder}", "out", "--minutes", "0"), "from 0.01"),
    ],
)
def test_wrong_usage_is_status_2(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    """One sentence on stderr."""
    file = tmp_path / "file.py"
    file.touch()
    filled = [word.format(file=file, folder=tmp_path) for word in words]
    done = run(tmp_path, "-m", "mixline", "finetune", *filled)

    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
