"""`mixline docstring`."""

import json
from pathlib import Path

import pytest

from mixline.__main__ import main

SOURCE = "def f(a):\n    return a\n\n\nclass C:\n    x: int = 1\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with two definitions and no docstring."""
    made = tmp_path / "m.py"
    made.write_text(SOURCE)
    return made


def test_json_has_the_agreed_keys(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """text, style, range, checks; the file stays."""
    assert main(["docstring", f"{file}:2", "--style", "numpy", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)

    assert answer["style"] == "numpy"
    assert answer["range"] == {
        "start": {"line": 0, "character": 9},
        "end": {"line": 0, "character": 9},
    }
    assert answer["text"].startswith('\n    """')
    assert answer["checks"]["same_code"]
    assert file.read_text() == SOURCE


def test_apply_writes_and_the_default_shows_a_difference(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the docstring is new."""
    assert main(["docstring", f"{file}:1"]) == 0
    assert '+    """' in capsys.readouterr().out
    assert main(["docstring", f"{file}:1", "--apply"]) == 0

    assert file.read_text().startswith('def f(a):\n    """')
    assert file.read_text().endswith("    return a\n\n\nclass C:\n    x: int = 1\n")


def test_missing_writes_all_of_a_folder(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And finds nothing more afterwards."""
    folder = str(file.parent)
    assert main(["docstring", "--missing", folder, "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["docstrings"]] == ["f", "C"]
    assert main(["docstring", "--missing", folder, "--apply"]) == 0
    capsys.readouterr()
    assert main(["docstring", "--missing", folder, "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["docstrings"] == []
    assert file.read_text().count('"""') == 4


@pytest.mark.parametrize("place", ["m.py", "m.py:0", "m.py:99", "no.py:1"])
def test_a_wrong_place_is_wrong_usage(
    file: Path, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2 and a sentence."""
    monkeypatch.chdir(file.parent)
    try:
        status = main(["docstring", place])
    except SystemExit as stopped:
        status = stopped.code

    assert status == 2
    assert "expected" in capsys.readouterr().err


def test_a_line_without_definition_fails(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1 and a sentence."""
    assert main(["docstring", f"{file}:4"]) == 1
    assert "function or class around line 4" in capsys.readouterr().err


def test_a_docstring_left_behind_is_brought_up_to_date(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lost name is replaced; one that agrees is refused."""
    docstring = '    """Do  it.\n\n    Args:\n        old: First.\n    """\n'
    file.write_text(f"def f(new):\n{docstring}    return new\n")
    assert main(["docstring", f"{file}:1", "--apply"]) == 0
    assert file.read_text() == f"def f(new):\n{docstring}    return new\n".replace("old", "new")
    capsys.readouterr()

    assert main(["docstring", f"{file}:1"]) == 1
    assert "agrees" in capsys.readouterr().err


def test_other_languages_are_written_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One place, and all of a folder; what a language keeps to itself is left alone."""
    rust, go = tmp_path / "m.rs", tmp_path / "m.go"
    rust.write_bytes(b"pub fn f(a: u8) -> u8 {\r\n    a\r\n}\r\nfn g() {}\r\n")
    go.write_text("package m\n\nfunc F(a int) {}\n\nfunc g() {}\n")
    assert main(["docstring", f"{rust}:2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert main(["docstring", "--missing", str(tmp_path), "--json", "--apply"]) == 0
    found = json.loads(capsys.readouterr().out)["docstrings"]

    assert (answer["style"], answer["summary"]) == ("rustdoc", "Return f from `a`.")
    assert answer["checks"]["documented_once"]
    assert [(one["file"], one["name"]) for one in found] == [("m.go", "F"), ("m.rs", "f")]
    assert rust.read_bytes().startswith(b"/// Return f from `a`.\r\n///\r\n/// # Arguments\r\n")
    assert rust.read_bytes().endswith(b"\r\npub fn f(a: u8) -> u8 {\r\n    a\r\n}\r\nfn g() {}\r\n")
    assert main(["docstring", f"{go}:7"]) == 1
    assert "has one" in capsys.readouterr().err
