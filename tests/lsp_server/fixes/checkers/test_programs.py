"""Where programs come from: never from an untrusted workspace, by whatever way."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.fixes.checkers.programs import Surroundings, find_program, safe_path


def plant(program: Path) -> Path:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A program outside of the workspace."""
    return plant(tmp_path / "bin" / "checkit")


def test_only_a_trusted_folder_brings_its_own(
    around: Surroundings, workspace: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Untrusted: the one on PATH; trusted: the project's first."""
    own = plant(workspace / ".venv" / "bin" / "checkit")
    monkeypatch.setenv("PATH", str(elsewhere.parent))

    assert find_program("checkit", around) == elsewhere
    assert find_program("checkit", replace(around, trusted=True)) == own


@pytest.mark.parametrize("entry", ["{workspace}/bin", "bin", ".", "", "{link}"])
def test_a_path_into_the_workspace_does_not_count(
    entry: str,
    around: Surroundings,
    workspace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Absolute, relative, empty or a link: the program in the workspace is not found."""
    plant(workspace / "bin" / "checkit")
    link = tmp_path / "link"
    link.symlink_to(workspace / "bin")
    monkeypatch.chdir(workspace)
    path = entry.format(workspace=workspace, link=link)
    monkeypatch.setenv("PATH", os.pathsep.join([path, "/usr/bin"]))

    assert find_program("checkit", around) is None
    assert find_program("checkit", replace(around, trusted=True)) is None
    assert safe_path(around) == (Path("/usr/bin"),)


def test_a_link_to_the_workspace_is_not_followed(
    around: Surroundings, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program on PATH that is really the workspace's own."""
    own = plant(workspace / "checkit")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "checkit").symlink_to(own)
    monkeypatch.setenv("PATH", str(folder))

    assert find_program("checkit", around) is None


def test_trust_in_one_folder_is_none_in_its_neighbour(
    around: Surroundings, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trusted folder's link into another folder of the window is left alone."""
    stranger = tmp_path / "stranger"
    program = plant(stranger / "checkit")
    (workspace / ".venv" / "bin").mkdir(parents=True)
    (workspace / ".venv" / "bin" / "checkit").symlink_to(program)
    monkeypatch.setenv("PATH", "")
    window = replace(around, workspace=(workspace, stranger), trusted=True)

    assert find_program("checkit", window) is None


def test_mixlines_own_ruff_is_found(around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a dependency, so there is always one."""
    monkeypatch.setenv("PATH", "")
    found = find_program("ruff", around)

    assert found is not None
    assert not found.is_relative_to(around.workspace[0])
