"""mypy, the real one, on a shadow of a file; and its place behind the trust rule."""

from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.document import Point
from lsp_server.fixes.checkers.mypy import Mypy
from lsp_server.fixes.checkers.programs import Surroundings
from tests.lsp_server.fixes.conftest import MakeFile, names_in

SAVED = "saved: str = 1\n"
TEXT = "import other\n\nn: int = other.name(confg)\n"


def test_an_untrusted_folder_has_none(around: Surroundings) -> None:
    """Its configuration may name plugins, which are code."""
    assert Mypy.find(around) is None
    assert Mypy.find(replace(around, folder=None, trusted=True)) is None


async def test_the_buffers_count_not_the_files(
    around: Surroundings, make_file: MakeFile, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text and the other unsaved buffers are seen; the workspace sees nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(workspace.parent / "cache"))
    checker = Mypy.find(replace(around, trusted=True))
    assert checker is not None
    for name in ("app.py", "other.py"):
        (workspace / name).write_text(SAVED)
    other = make_file("def name(x: int) -> str: ...\n", "other.py")
    assert other.path is not None
    before = names_in(workspace)
    report = await checker.check(replace(make_file(TEXT), others={other.path: other.document}))

    assert report.problem == ""
    assert {
        (one.diagnostic.code, one.diagnostic.start, one.diagnostic.end) for one in report.findings
    } == {
        ("name-defined", Point(2, 20), Point(2, 25)),
        ("assignment", Point(2, 9), Point(2, 14)),
    }
    assert names_in(workspace) == before
