"""What doctor says about the program that editors start by name."""

import os
import sys
from pathlib import Path

import pytest

from mixline.program_on_path import notes_about_path


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an environment whose interpreter seems to run."""
    folder = tmp_path / "environment" / "bin"
    folder.mkdir(parents=True)
    _program(folder)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return folder


def _program(folder: Path) -> Path:
    name = "mixline.exe" if os.name == "nt" else "mixline"
    (folder / name).touch(mode=0o755)
    return folder / name


def test_nothing_is_said_where_path_leads_here(own: Path, tmp_path: Path) -> None:
    """Also by way of a link, as `uv tool install` makes."""
    links = tmp_path / "links"
    links.mkdir()
    (links / "mixline").symlink_to(own / "mixline")

    assert notes_about_path(str(own)) == ()
    assert notes_about_path(str(links)) == ()


def test_a_program_that_is_not_on_path(own: Path, tmp_path: Path) -> None:
    """Its full path is given."""
    (note,) = notes_about_path(str(tmp_path))

    assert "not on PATH" in note
    assert str(own / "mixline") in note


def test_another_program_on_path(own: Path, tmp_path: Path) -> None:
    """Both are named."""
    other = _program(tmp_path)
    (note,) = notes_about_path(str(tmp_path))

    assert str(other) in note
    assert str(own / "mixline") in note
