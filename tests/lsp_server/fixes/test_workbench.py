"""A search with all that is there: names of the folder, ranking, checkers."""

import asyncio
from pathlib import Path

import pytest

from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.search import Faulty, Found, search
from lsp_server.fixes.toolbox import Toolbox
from lsp_server.fixes.verification import Baseline, Verdict
from tests.lsp_server.fixes.conftest import MakeFile


async def _search(file: CheckedFile, around: Surroundings) -> Found:
    toolbox = Toolbox()
    tools = toolbox.tools(file, around)
    baseline = Baseline(file)
    report = await baseline.report(tools.checkers[0])
    diagnostic: Diagnostic = report.findings[0].diagnostic
    found = await search(Faulty(baseline=baseline, diagnostic=diagnostic), tools)
    await toolbox.end()
    return found


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("basket = 1\nprint(baskett)\n", "basket = 1\nprint(basket)\n"),
        ("print(Basket())\n", "from shop.basket import Basket\n\nprint(Basket())\n"),
        (
            "def f():\n    a = 1\n    total = len([a])\n    return a\n",
            "def f():\n    a = 1\n    return a\n",
        ),
        ("def f(a)\n    return a\n", "def f(a):\n    return a\n"),
    ],
)
def test_verified_fix_is_the_one_that_was_meant(
    workspace: Path, around: Surroundings, make_file: MakeFile, wrong: str, right: str
) -> None:
    """Names come from the folder's files; ruff agrees with the first fix."""
    (workspace / "shop").mkdir()
    (workspace / "shop/__init__.py").write_text("")
    (workspace / "shop/basket.py").write_text("class Basket: ...\n")

    found = asyncio.run(_search(make_file(wrong), around))

    assert found.fixes[0].edited.text() == right
    assert found.fixes[0].verdict is Verdict.VERIFIED
    assert found.fixes[0].by == "ruff"


def test_file_that_has_no_place(around: Surroundings, make_file: MakeFile) -> None:
    """An untitled text knows the standard library and itself."""
    file = make_file("print(Path.cwd())\n")
    untitled = CheckedFile(document=file.document, path=None)

    found = asyncio.run(_search(untitled, around))

    assert found.fixes[0].edited.text() == "from pathlib import Path\n\nprint(Path.cwd())\n"
