"""`mixline stats` as a user meets it; with servers: tests/lsp_server/test_history_wire.py."""

import argparse
import json
from pathlib import Path

import pytest

from inference.errors import MixlineError
from lsp_server.history.file import NAME, HistoryError, HistoryFile
from lsp_server.history.records import Kept, Moment, Silence, Verdict
from lsp_server.history.schema import write
from mixline.commands import stats
from mixline.usage import UsageError
from tests.lsp_server.history.samples import judged, shown


def run(*words: str) -> int:
    """Run the command in this process."""
    parser = argparse.ArgumentParser()
    stats.add_arguments(parser)
    return stats.run(parser.parse_args(words))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HistoryFile:
    """The history that the command finds."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return HistoryFile(tmp_path / "mixline")


def fill(file: HistoryFile) -> None:
    """One suggestion accepted, one turned down, one kept to oneself."""
    accepted, rejected = shown(), shown(language="go", place="other")
    records = [
        *(accepted, rejected),
        *(judged(accepted), judged(rejected, Verdict.REJECTED, 0)),
        Kept(id=accepted.id, moment=Moment.CLOSE, characters=5, out_of=10),
        Silence(day=1, language="go", reason="low_confidence"),
    ]
    with file.open() as connection:
        write(connection, records, file.salt())


def test_json_is_one_object(file: HistoryFile, capsys: pytest.CaptureFixture[str]) -> None:
    """With the documented keys."""
    fill(file)
    status = run("--json")
    report = json.loads(capsys.readouterr().out)

    assert status == 0
    assert list(report) == ["since", "total", "languages", "personal"]
    assert list(report["languages"]) == ["go", "python"]
    assert report["total"]["retained"]["close"] == {"suggestions": 1, "share": 0.5}
    page = Path(__file__).parents[2] / "docs" / "history.md"
    documented = page.read_text(encoding="utf-8").partition("## JSON")[2]
    for name in (*report, *report["total"], *report["personal"]["all"]):
        assert name in documented


def test_figures_are_printed(file: HistoryFile, capsys: pytest.CaptureFixture[str]) -> None:
    """In all, by language, and where the threshold stands."""
    fill(file)
    assert run() == 0
    told = capsys.readouterr().out

    assert "accepted   1 (whole 1, line 0, word 0)" in told
    assert "acceptance 50 %" in told
    assert "silent     low_confidence 1" in told
    assert "threshold all: 0.25 in place of 0.25; verdicts so far: 2" in told
    assert "\ngo\n" in told


def test_deleting(file: HistoryFile, capsys: pytest.CaptureFixture[str]) -> None:
    """Says what went; then all is nothing, and there is nothing to delete."""
    fill(file)
    assert run("--delete") == 0
    assert "2 files deleted" in capsys.readouterr().out
    assert run("--delete") == run() == 0
    told = capsys.readouterr().out

    assert told.startswith("there was no history\nsince the first suggestion")
    assert list(file.folder.iterdir()) == []


def test_a_damaged_file_is_one_sentence(file: HistoryFile) -> None:
    """It is set aside; the next time there is nothing."""
    file.folder.mkdir()
    file.path.write_bytes(b"no database" * 500)
    with pytest.raises(HistoryError, match=f"is now {NAME}.damaged") as found:
        run()

    assert isinstance(found.value, MixlineError)
    assert "\n" not in str(found.value)
    assert run() == 0


def test_looking_and_deleting_exclude_each_other(file: HistoryFile) -> None:
    """Wrong usage, and nothing is deleted."""
    fill(file)
    with pytest.raises(UsageError, match="exclude each other"):
        run("--json", "--delete")

    assert file.exists()
