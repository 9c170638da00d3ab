"""`mixline explain`: the paragraph, the frames, and fixes that a checker agrees with."""

import io
import json
from pathlib import Path

import pytest

from mixline.__main__ import main

SOURCE = "def price(total):\n    return totl * 2\n\n\nprice(3)\n"
TRACE = """\
Traceback (most recent call last):
  File "app.py", line 5, in <module>
    price(3)
  File "app.py", line 2, in price
    return totl * 2
NameError: name 'totl' is not defined
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose program fails, as the current folder."""
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "app.py").write_text(SOURCE)
    (tmp_path / "trace.txt").write_text(TRACE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_paragraph_and_verified_fix(
    workspace: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The failing line is named, and a fix for it shown as a diff; the file stays as it is."""
    assert main(["explain", "trace.txt", "--model", str(tiny_model)]) == 0

    said = capsys.readouterr().out
    assert said.startswith("NameError: name 'totl' is not defined, at line 2 of app.py in price.")
    assert "verified by ruff" in said
    assert "+    return total * 2" in said
    assert (workspace / "app.py").read_text() == SOURCE


def test_json_from_stdin(
    workspace: Path,
    tiny_model: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pasted trace; one JSON object and nothing else."""
    monkeypatch.setattr("sys.stdin", io.StringIO(TRACE))

    assert main(["explain", "--json", "--model", str(tiny_model)]) == 0

    report = json.loads(capsys.readouterr().out)
    assert [frame["line"] for frame in report["frames"]] == [5, 2]
    assert report["frames"][1]["path"] == str(workspace.resolve() / "app.py")
    assert report["fixes"][0]["verified_by"] == "ruff"


def test_text_without_a_trace_is_a_users_mistake(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, exit status 2."""
    (workspace / "other.txt").write_text("nothing here\n")

    assert main(["explain", "other.txt"]) == 2
    assert "expected a stack trace" in capsys.readouterr().err
