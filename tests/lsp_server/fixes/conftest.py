"""Documents, diagnostics and programs for the tests of quick fixes."""

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lsp_server.document import Document
from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.checkers.ruff import Ruff

MakeFile = Callable[..., CheckedFile]
MakeProgram = Callable[[str, str], Path]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with a configuration of its own, so that defaults of the user's do not count."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "ruff.toml").write_text('lint.select = ["E4", "E7", "E9", "F"]\n')
    return folder


@pytest.fixture
def around(workspace: Path) -> Surroundings:
    """The workspace, which nobody trusts."""
    return Surroundings(folder=workspace, workspace=(workspace,), trusted=False)


@pytest.fixture
def ruff(around: Surroundings) -> Ruff:
    """The ruff that is installed with Mixline."""
    found = Ruff.find(around)
    assert found is not None
    return found


@pytest.fixture
def make_file(workspace: Path) -> MakeFile:
    """Make a text that stands at a place of the workspace where no file is."""

    def make(text: str, name: str = "app.py", language: str = "python") -> CheckedFile:
        path = workspace / name
        document = Document.of_text(uri=path.as_uri(), version=1, language=language, text=text)
        return CheckedFile(document=document, path=path, folder=workspace)

    return make


@pytest.fixture
def make_program(tmp_path: Path) -> MakeProgram:
    """Make a program of a few lines of Python."""

    def make(name: str, body: str) -> Path:
        folder = tmp_path / "programs"
        folder.mkdir(exist_ok=True)
        program = folder / name
        program.write_text(f"#!{sys.executable} -IS\nimport os, sys, time\n{body}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program

    return make
