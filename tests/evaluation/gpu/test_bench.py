"""The GPU benchmark where there is no GPU: options, statuses, and all checks in plain memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.gpu.bench import NOTHING_RUN, cases, read_options, run
from tests.gpu import usable_library

ROOT = Path(__file__).resolve().parents[3]


def test_every_shape_is_measured_by_default() -> None:
    """With int4, and with what its models are published in or need besides."""
    found = {(shape.name, weights) for shape, weights in cases(read_options([], ""))}

    assert found == {
        ("qwen3-coder-30b", "int4"),
        ("qwen3-coder-30b", "int8"),
        ("gpt-oss-20b", "mxfp4"),
        ("gpt-oss-20b", "int4"),
        ("mellum2", "int4"),
        ("codex-mini", "int4"),
    }


def test_shapes_and_weights_can_be_chosen() -> None:
    """The formats apply to every shape."""
    options = read_options(["--shapes", "mellum2", "--weights", "int8", "mxfp4"], "")

    assert [(s.name, w) for s, w in cases(options)] == [("mellum2", "int8"), ("mellum2", "mxfp4")]


@pytest.mark.parametrize("words", [["--tokens", "0"], ["--shapes", "gpt-5"], ["--minutes", "soon"]])
def test_wrong_usage_has_status_2(words: list[str]) -> None:
    """As everywhere."""
    with pytest.raises(SystemExit) as ended:
        read_options(words, "")

    assert ended.value.code == 2


def test_without_a_library_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on stderr, and a status of its own."""
    status = run(["--library", str(tmp_path / "none.so")], "")

    said = capsys.readouterr()
    assert (status, said.out) == (NOTHING_RUN, "")
    assert said.err.startswith("nothing was run: expected a library of CUDA operators at ")
    assert said.err.count("\n") == 1


@pytest.mark.skipif(usable_library() is not None, reason="there is a GPU, which takes minutes")
def test_the_script_without_a_gpu(tmp_path: Path) -> None:
    """Started as the docs say, from anywhere: status 3, one line, no traceback."""
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "gpu.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert done.returncode == NOTHING_RUN
    assert done.stderr.startswith("nothing was run: expected ")
    assert done.stderr.count("\n") == 1


def test_checks_run_in_plain_memory(
    fake_library: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every shape, made small, as on a GPU; without torch no times."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    report = tmp_path / "report.json"

    status = run(["--rehearse", str(fake_library), "--tokens", "1", "5", "--json", str(report)], "")

    assert status == 0
    written = json.loads(report.read_text())
    assert len(written["rows"]) == 2 * 6
    assert max(row["error"] for row in written["rows"]) < 1e-3
    assert written["not_run"] == ["times: torch is not installed"]
    assert "a rehearsal" in capsys.readouterr().out
