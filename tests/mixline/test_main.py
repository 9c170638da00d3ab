"""The command line as a user meets it: exit status, one sentence, never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = (
    "serve",
    "complete",
    "stats",
    "doctor",
    "inspect",
    "export",
    "finetune",
    "bench",
    "eval",
)
SAMPLE = "def add(first, second):\n    return first + second\n\n\nprint(add(1, 2"


def mixline(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "mixline", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **environment},
    )


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Return a small source file."""
    file = tmp_path / "sample.py"
    file.write_text(SAMPLE, encoding="utf-8")
    return file


def test_help_lists_every_command() -> None:
    """`mixline`, `mixline --help` and each command's help end with status 0."""
    for words in ((), ("--help",), *((name, "--help") for name in COMMANDS)):
        done = mixline(*words)

        assert done.returncode == 0
        assert done.stderr == ""
        if len(words) < 2:
            assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("sing",), "expected a command"),
        (("complete",), "FILE:LINE:COL"),
        (("complete", "none.py"), "expected FILE:LINE:COL"),
        (("complete", "none.py:1:1"), "No such file"),
        (("complete", "{sample}:99:1"), "expected a line from 1 to 5"),
        (("complete", "{sample}:1:99"), "expected a column from 1 to 24"),
        (("complete", "{sample}:1:1", "--temperature", "2"), "from 0.0 to 1.0"),
        (("complete", "{sample}:1:1", "--temperature", "nan"), "from 0.0 to 1.0"),
        (("complete", "{sample}:1:1", "--max-tokens", "0"), "from 1 to 4096"),
        (("complete", "{sample}:1:1", "--effort", "2"), "effort must be"),
        (("serve", "--tcp", "nowhere"), "expected HOST:PORT"),
        (("serve", "--token-file", "x"), "go with --tcp"),
        (("bench", "sing"), "decode"),
        (("bench", "ops", "--shapes", "round"), "expected shapes out of shipped"),
        (("bench", "ops", "--tokens", "0"), "from 1 to 4096"),
        (("bench", "ops", "--model", "x"), "--model goes with `mixline bench decode`"),
        (("bench", "decode", "--calls", "1"), "--calls goes with `mixline bench ops`"),
        (("export", "only-one"), "OUT_DIR"),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(
    sample: Path, words: tuple[str, ...], told: str
) -> None:
    """Stderr has one line saying what was expected; stdout stays empty."""
    done = mixline(*(word.format(sample=sample) for word in words))

    assert done.returncode == 2
    assert done.stdout == ""
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("model", ["none", "empty"])
def test_missing_or_broken_model_is_status_1(sample: Path, tmp_path: Path, model: str) -> None:
    """One sentence names the directory."""
    (tmp_path / "empty").mkdir()
    done = mixline("complete", f"{sample}:1:1", "--model", str(tmp_path / model))

    assert done.returncode == 1
    assert str(tmp_path / model) in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_json_is_one_object_with_the_documented_keys(sample: Path) -> None:
    """`complete --json` prints nothing else on stdout, and the range is an LSP range."""
    done = mixline("complete", f"{sample}:5:15", "--json", "--max-tokens", "8")
    report = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert list(report) == [
        "text",
        "range",
        "finish_reason",
        "reject_reason",
        "tokens",
        "prompt_tokens",
        "cached_tokens",
        "mean_logprob",
        "ms_prefill",
        "ms_decode",
    ]
    assert report["range"]["start"] == {"line": 4, "character": 14}
    assert 1 <= report["tokens"] <= 8
    assert report["prompt_tokens"] > 10


def test_completion_is_drawn_into_the_file(sample: Path) -> None:
    """Without --json the lines around the cursor and the timings are printed."""
    done = mixline("complete", f"{sample}:5:15", "--max-tokens", "8")

    assert done.returncode == 0, done.stderr
    assert "     5  print(add(1, 2" in done.stdout
    assert "prompt tokens in" in done.stdout


def test_doctor_names_what_is_used() -> None:
    """Versions, provider, kernel, model and memory are all there, and all is well."""
    done = mixline("doctor", "--json")
    report = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert report["problems"] == []
    assert report["versions"]["mixline"] != "unknown"
    assert report["kernel"] in report["kernels_available"]
    assert report["model"]["provider"] == "CPUExecutionProvider"
    assert report["model"]["kv_budget_tokens"] > 0
    assert report["memory_free_mb"] > 0
    assert Path(report["operator_library"]).is_file()


def test_doctor_shows_a_forced_kernel_and_refuses_an_unknown_one() -> None:
    """MIXLINE_ISA is obeyed, and a wrong value is a problem that names the choices."""
    forced = mixline("doctor", MIXLINE_ISA="portable")
    unknown = mixline("doctor", MIXLINE_ISA="mmx")

    assert "kernel     portable" in forced.stdout
    assert unknown.returncode == 1
    assert "mmx" in unknown.stdout
    assert "portable" in unknown.stdout
    assert "Traceback" not in unknown.stderr


def test_bench_decode_measures_every_length(tmp_path: Path) -> None:
    """`bench decode --json` gives figures for each prompt length, and says on what."""
    picture = tmp_path / "decode.svg"
    done = mixline("bench", "decode", "--json", "--plot", str(picture))
    report = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert report["machine"]["processor"]
    assert "</svg>" in picture.read_text(encoding="utf-8")
    assert report["read_bandwidth_gbps"] > 0
    assert len({row["prompt_tokens"] for row in report["rows"]}) == len(report["rows"]) > 2
    for row in report["rows"]:
        assert row["prefill_tokens_per_s"] > 0
        assert row["decode_tokens_per_s"] > 0
        assert row["keystroke_cached_share"] > 0.9
    assert [row["context_tokens"] for row in report["steps"]] == [64, 1023]
    assert all(row["ms_per_token"] > 0 for row in report["steps"])


def test_export_makes_a_directory_that_completes(
    tiny_checkpoint: Path, sample: Path, tmp_path: Path
) -> None:
    """From a checkpoint to a completion with nothing but the command line."""
    out = tmp_path / "model"
    exported = mixline("export", str(tiny_checkpoint), str(out), "--weights", "fp32", "--verify")
    completed = mixline("complete", f"{sample}:5:15", "--model", str(out), "--max-tokens", "4")

    assert exported.returncode == 0, exported.stderr
    assert "verified: relative error" in exported.stdout
    assert completed.returncode == 0, completed.stderr


def test_export_of_something_else_is_one_sentence(tmp_path: Path) -> None:
    """A folder that holds no checkpoint is named."""
    done = mixline("export", str(tmp_path), str(tmp_path / "out"))

    assert done.returncode == 1
    assert str(tmp_path) in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_as_a_module_it_imports_nothing_of_the_folder_where_it_is_called(tmp_path: Path) -> None:
    """`python -m` looks there first, for Python's own modules too."""
    names = ("re", "json", "inference", "lsp_server", "numpy", "onnxruntime", "tokenizers")
    for name in names:
        (tmp_path / f"{name}.py").write_text(f"open('ran-{name}', 'w')\n", encoding="utf-8")
    (tmp_path / "sample.py").write_text(SAMPLE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mixline", "complete", "sample.py:5:15", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert not list(tmp_path.glob("ran-*"))
    assert done.returncode == 0, done.stderr
    assert "text" in json.loads(done.stdout)
