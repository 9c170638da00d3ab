"""`mixline doctor --experts` as a user meets it."""

import argparse
import json
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from mixline.commands import doctor
from mixline.usage import UsageError


def run(*words: str) -> int:
    """Run the command in this process."""
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    return doctor.run(parser.parse_args(words))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"onnxruntime": "1.19.2"}, "expected onnxruntime 1.23 or newer, found 1.19.2"),
        ({"onnxruntime": "1.30.0", "onnxruntime-gpu": "1.30.0"}, "found 2"),
        ({}, "found 0"),
    ],
)
def test_a_wrong_runtime_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, str], told: str
) -> None:
    """Too old, both of them, or none; said with what to run."""
    known = doctor.version

    def version(name: str) -> str:
        if name not in doctor.RUNTIMES:
            return known(name)
        if name not in found:
            raise PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(doctor, "version", version)
    _, problems = doctor._versions()

    assert [told in problem for problem in problems] == [True]
    assert "run: pip" in problems[0]


def test_the_oldest_runtime_is_that_of_the_package() -> None:
    """One number, in two places."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    wanted = [text for text in project["project"]["dependencies"] if "onnxruntime" in text]

    oldest = ".".join(map(str, doctor.OLDEST_RUNTIME))
    assert wanted
    assert all(f">={oldest}" in text for text in wanted)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder with one source file."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "a.py").write_text("def f(x):\n    return x\n" * 30, encoding="utf-8")
    return folder


def test_json_has_a_share_for_every_expert_and_a_picture_is_written(
    tiny_model: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One object on stdout; the counts are of the tokens asked for."""
    picture = source / "map.png"
    words = ("--model", str(tiny_model), "--json", "--tokens", "64", "--plot", str(picture))
    status = run(*words, "--experts", str(source))
    report = json.loads(capsys.readouterr().out)

    assert status == 0
    assert report["experts"]["tokens"] == 64
    assert [sum(layer["counts"]) for layer in report["experts"]["layers"]] == [128, 128]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_without_paths_the_projects_own_sources_are_read(
    tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table has a line for each layer and a verdict; without --experts there is neither."""
    assert run("--model", str(tiny_model), "--tokens", "50", "--experts") == 0
    shown = capsys.readouterr().out
    assert run("--model", str(tiny_model)) == 0
    plain = capsys.readouterr().out

    assert "50 tokens of" in shown
    assert "| 1 |" in shown
    assert "of its fair share" in shown
    assert "experts" not in plain


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--plot", "map.svg"), "go with --experts"),
        (("--tokens", "5"), "go with --experts"),
        (("--experts", "--plot", "map.gif"), "to end in .svg or .png"),
        (("--experts", "nowhere"), "expected files, or folders with Python files"),
        (("--experts", "--tokens", "9", "--plot", "no/map.svg"), "can be written"),
    ],
)
def test_wrong_usage_is_one_sentence(tiny_model: Path, words: tuple[str, ...], told: str) -> None:
    """It says what was expected."""
    with pytest.raises(UsageError, match=told):
        run("--model", str(tiny_model), *words)
