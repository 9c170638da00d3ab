"""`python -m training` from folders of code to a checkpoint."""

import gzip
import json
from pathlib import Path

import pytest

from training.commands import main
from training.corpus import Corpus, open_corpus


def test_whole_way(projects: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Corpus, tokenizer, bugs, training with all three tasks, plot, Hugging Face checkpoint."""
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    corpus, tokenizer = tmp_path / "corpus", tmp_path / "tokenizer.json"
    bugs, run = tmp_path / "bugs.jsonl", tmp_path / "run"
    data = ["--corpus", str(corpus)]

    assert main(["corpus", "--each", str(projects), "--out", str(corpus)]) == 0
    assert main(["tokenizer", *data, "--vocab", "1024", "--out", str(tokenizer)]) == 0
    assert main(["bugs", *data, "--count", "30", "--out", str(bugs)]) == 0
    command = ["pretrain", "tiny", *data, "--tokenizer", str(tokenizer), "--bugs", str(bugs)]
    assert main([*command, "--out", str(run), "--tokens", "12000"]) == 0
    export = ["export-checkpoint", str(run / "final.pt"), str(tmp_path / "hf")]
    assert main([*export, "--tokenizer", str(tokenizer)]) == 0
    assert main(["plot", str(run / "log.jsonl"), str(tmp_path / "again.png")]) == 0

    assert (run / "log.png").read_bytes()[:8] == (tmp_path / "again.png").read_bytes()[:8]
    names = {path.name for path in (tmp_path / "hf").iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert "30 bugs" in capsys.readouterr().out


def test_corpus_leaves_out_and_says_why(
    projects: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder without a licence is named on stderr and in the index, the others are taken."""
    nameless = tmp_path / "nameless"
    nameless.mkdir()
    arguments = ["corpus", str(nameless), str(projects / "data"), "--out", str(tmp_path / "out")]

    assert main(arguments) == 0

    assert "left out: nameless: expected a permissive licence" in capsys.readouterr().err
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert len(index["left_out"]) == 1
    assert {file.source for file in open_corpus(tmp_path / "out").files} == {"data"}


def test_benchmark_functions_stay_out(projects: Path, corpus: Corpus, tmp_path: Path) -> None:
    """A file that holds a benchmark's function is not in the corpus."""
    tasks = tmp_path / "tasks.jsonl.gz"
    with gzip.open(tasks, "wt") as stream:
        stream.write(json.dumps({"prompt": "def dedent(text):\n"}) + "\n")
    arguments = ["corpus", str(projects / "data"), "--benchmark", str(tasks)]

    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0

    paths = {file.path for file in open_corpus(tmp_path / "out").files}
    assert "textwrap.py" not in paths
    assert "textwrap.py" in {file.path for file in corpus.files}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["corpus", "nowhere", "--out", "out"], "expected at least one folder"),
        (["tokenizer", "--corpus", "nowhere", "--out", "t"], "expected a corpus"),
        (["bugs", "--corpus", "nowhere", "--out", "b"], "expected a corpus"),
        (["plot", "nowhere.jsonl", "p.png"], "expected a run's log"),
        (["benchmark-hashes", "nowhere.jsonl"], "expected JSON lines"),
        (["export-gguf", "nowhere", "m.gguf"], "nowhere"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Status 1 and a sentence, no traceback."""
    monkeypatch.chdir(tmp_path)

    assert main(arguments) == 1

    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_missing_budget_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody trains without an end in sight."""
    arguments = ["pretrain", "tiny", "--corpus", "c", "--tokenizer", "t", "--out", "o"]

    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "--until" in capsys.readouterr().err
