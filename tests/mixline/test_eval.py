"""`mixline eval` as a user meets it: JSON, tables, and one sentence for every mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def evaluate(tiny_model: Path, tmp_path: Path) -> "Evaluate":
    """Return what runs the command with a tiny model and a cache of its own."""
    return Evaluate(tiny_model, tmp_path)


class Evaluate:
    """Runs `mixline eval` in a process of its own."""

    def __init__(self, model: Path, folder: Path) -> None:
        self.folder = folder
        self.model = str(model)
        self._environment = {
            **os.environ,
            "MIXLINE_MODEL": self.model,
            "XDG_CACHE_HOME": str(folder / "cache"),
        }

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Return how it ended."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "mixline", "eval", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            cwd=self.folder,
            env=self._environment,
        )


KEYS = {
    "infilling": ["n", "pass_rate", "pass_ci95", "exact_rate"],
    "humaneval": ["n", "pass_rate", "pass_ci95"],
    "next-line": ["n", "repositories", "seed", "absent", "novel", "open"],
    "bits": ["n", "bytes", "tokens", "bits_per_byte", "bits_per_byte_ci95"],
}


@pytest.mark.parametrize("what", list(KEYS))
def test_each_benchmark_runs_on_the_sample(evaluate: "Evaluate", what: str) -> None:
    """JSON alone on stdout, no bar on stderr; then the table, from the cache of the first run."""
    done = evaluate(what, "--limit", "3", "--json")
    report = json.loads(done.stdout)
    kept = list((evaluate.folder / "cache" / "mixline" / "eval").glob(f"{what}-*.jsonl"))
    shown = evaluate(what, "--limit", "3")

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(report)[: len(KEYS[what])] == KEYS[what]
    assert report["n"] == 3
    assert report["subject"]["data"] == "sample"
    assert report["subject"]["model"] == "tiny"
    assert len(kept) == 1
    assert len(kept[0].read_text(encoding="utf-8").splitlines()) == 3
    assert shown.returncode == 0, shown.stderr
    assert "95 % interval" in shown.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "infilling|humaneval|next-line|gate|bits|memorisation"),
        (("poetry",), "poetry"),
        (("bits", "--limit", "0"), "from 1"),
        (("bits", "--data", "nowhere"), "found nothing"),
        (("bits", "--data", "file.txt"), "folder of repositories"),
        (("next-line", "--data", "."), "sub-folders"),
        (("infilling", "--data", "file.txt"), "JSON object in line 1"),
        (("humaneval", "--data", "."), "found none"),
        (("bits", "--no-workspace-expert"), "goes with"),
        (("next-line", "--effort", "0.5"), "--effort goes with bits"),
        (("bits", "--effort", "2"), "effort must be"),
        (("humaneval", "--against", "."), "goes with bits"),
        (("memorisation",), "training corpus"),
        (("memorisation", "--data", "."), "expected a corpus"),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(
    evaluate: "Evaluate", words: tuple[str, ...], told: str
) -> None:
    """Stderr has one line; stdout stays empty."""
    (evaluate.folder / "file.txt").write_text("text\n", encoding="utf-8")
    done = evaluate(*words)

    assert done.returncode == 2
    assert done.stdout == ""
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_bits_against_another_export(evaluate: "Evaluate") -> None:
    """The same model on both sides: nothing lost; in JSON and as a table."""
    model = evaluate.model
    done = evaluate("bits", "--limit", "2", "--json", "--against", model)
    shown = evaluate("bits", "--limit", "2", "--against", model)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cost"] == 0
    assert "| same first choice | 100.00% |" in shown.stdout


@pytest.mark.parametrize("what", list(KEYS))
def test_a_broken_model_is_status_1(evaluate: "Evaluate", what: str) -> None:
    """One sentence names the directory."""
    (evaluate.folder / "empty").mkdir()
    done = evaluate(what, "--model", "empty")

    assert done.returncode == 1
    assert "empty" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
