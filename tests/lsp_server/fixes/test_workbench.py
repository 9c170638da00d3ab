"""A search with all that is there: names of the folder, ranking, checkers."""

import asyncio
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.search import Faulty, Found, search
from lsp_server.fixes.toolbox import Toolbox
from lsp_server.fixes.verification import Baseline, Verdict
from lsp_server.fixes.workbench import Workbench
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


def test_what_lies_around_a_file_outside_is_not_the_whole_disk(
    tmp_path: Path, make_file: MakeFile
) -> None:
    """Found by the fuzzer: for a file in the root folder the names of all folders were read."""
    deep = tmp_path / "one/two"
    deep.mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "one", deep):
        (folder / "found.py").write_text("")
    file = make_file("import os\n")
    loose = CheckedFile(document=file.document, path=tmp_path / "loose.py")
    inside = CheckedFile(document=file.document, path=tmp_path / "loose.py", folder=tmp_path)

    async def known(file: CheckedFile) -> list[bool]:
        workbench = Workbench(lambda: None)
        tools = workbench.tools(file, ())
        await tools.ready()
        workbench.close()
        return [tools.module_exists(name) for name in ("found", "one.found", "one.two.found")]

    assert asyncio.run(known(loose)) == [True, True, False]
    assert asyncio.run(known(inside)) == [True, True, True]


def test_reading_ends_with_the_client(tmp_path: Path) -> None:
    """Found by the fuzzer: a thread read on, and held what it had read, once nobody was there."""
    (tmp_path / "a.py").write_text("")
    workbench = Workbench(lambda: None)
    names = workbench._known(tmp_path, tmp_path)
    names.read({})
    workbench.close()

    with pytest.raises(CancelledError):
        names._walk()


def test_names_of_a_few_folders_are_kept(tmp_path: Path) -> None:
    """Who looks into one library after another does not gather the text of them all."""
    workbench = Workbench(lambda: None)
    first = workbench._known(None, tmp_path / "0")
    for number in range(10):
        workbench._known(None, tmp_path / "0")
        workbench._known(None, tmp_path / str(number))

    assert workbench._known(None, tmp_path / "0") is first
    assert len(workbench._folders) == 4
    workbench.close()
