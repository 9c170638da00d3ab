"""The search: stages in their order, budgets, and an end whenever it is wanted."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import pytest

from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Candidate, Change, Origin
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.checkers.ruff import Ruff
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.refusal import Refusal
from lsp_server.fixes.search import Budget, Faulty, Found, Tools, search
from lsp_server.fixes.verification import Baseline
from tests.lsp_server.fixes.checkers.test_process import is_running, wait_written
from tests.lsp_server.fixes.conftest import MakeFile, MakeProgram

LOAD = "def load(config, conf):\n    return confg.name\n"
DIAGNOSTIC = Diagnostic(
    start=Point(1, 11),
    end=Point(1, 16),
    code="F821",
    message="Undefined name `confg`",
    source="ruff",
)


def rename(text: str, origin: Origin = Origin.ENUMERATED) -> Candidate:
    change = Change(start=DIAGNOSTIC.start, end=DIAGNOSTIC.end, text=text)
    return Candidate(title=f"Rename to `{text}`", changes=(change,), origin=origin)


def proposing(*texts: str) -> Iterable[Candidate]:
    return [rename(text) for text in texts]


async def look(tools: Tools, baseline: Baseline, diagnostic: Diagnostic = DIAGNOSTIC) -> Found:
    return await search(Faulty(baseline=baseline, diagnostic=diagnostic), tools)


def titles(found: Found) -> list[str]:
    return [fix.title for fix in found.fixes]


async def test_the_checkers_own_fix_ends_the_search(ruff: Ruff, make_file: MakeFile) -> None:
    """Nothing else is tried then."""
    baseline = Baseline(make_file("import os\n"))
    report = await baseline.report(ruff)
    (finding,) = report.findings
    tools = Tools(checkers=(ruff,), propose=lambda *_: proposing("x"), module_exists=lambda _: True)
    found = await look(tools, baseline, finding.diagnostic)

    assert titles(found) == ["Remove unused import: `os` - verified by ruff"]
    assert found.tried == 1


async def test_the_rank_decides_what_is_tried_first(ruff: Ruff, make_file: MakeFile) -> None:
    """Verified fixes come in the order of the rank; a text that came twice is offered once."""

    async def reverse(
        _: Document, __: Diagnostic, candidates: Sequence[Candidate]
    ) -> Sequence[Candidate]:
        await asyncio.sleep(0)
        return candidates[::-1]

    tools = Tools(
        checkers=(ruff,),
        propose=lambda *_: proposing("config", "cfg", "conf", "conf"),
        module_exists=lambda _: True,
        rank=reverse,
    )
    found = await look(tools, Baseline(make_file(LOAD)))

    assert titles(found) == [
        "Rename to `conf` - verified by ruff",
        "Rename to `config` - verified by ruff",
    ]
    assert found.refusals == {Refusal.ADDS: 1}
    assert found.could_verify


async def test_the_model_writes_only_if_nothing_else_helped(
    ruff: Ruff, make_file: MakeFile
) -> None:
    """And what it writes is tried like everything else."""
    asked = []

    async def rewrite(_: Document, __: Diagnostic) -> AsyncIterator[Candidate]:
        asked.append(1)
        await asyncio.sleep(0)
        for text in ("confg  # noqa", "config"):
            yield rename(text, Origin.MODEL)

    def tools(*texts: str) -> Tools:
        return Tools(
            checkers=(ruff,),
            propose=lambda *_: proposing(*texts),
            module_exists=lambda _: True,
            rewrite=rewrite,
        )

    easy = await look(tools("conf"), Baseline(make_file(LOAD)))
    hard = await look(tools("cfg"), Baseline(make_file(LOAD)))

    assert titles(easy) == ["Rename to `conf` - verified by ruff"]
    assert titles(hard) == ["Rename to `config` - verified by ruff"]
    assert len(asked) == 1


async def test_somebody_who_waits_gets_the_first_verified_fix(
    ruff: Ruff, make_file: MakeFile
) -> None:
    """Others that may be as good are not tried for them."""
    tools = Tools(
        checkers=(ruff,),
        propose=lambda *_: proposing("cfg", "config", "conf"),
        module_exists=lambda _: True,
    )
    baseline = Baseline(make_file(LOAD))
    faulty = Faulty(baseline=baseline, diagnostic=DIAGNOSTIC, is_awaited=lambda: True)
    found = await search(faulty, tools)

    assert titles(found) == ["Rename to `config` - verified by ruff"]
    assert found.tried == 2


async def test_budgets(ruff: Ruff, make_file: MakeFile, workspace: Path) -> None:
    """Of candidates tried, of fixes offered; fewer of those that could not be verified."""
    texts = ["a", "b", "config", "conf", "load"]

    def tools(budget: Budget) -> Tools:
        return Tools(
            checkers=(ruff,),
            propose=lambda *_: proposing(*texts),
            module_exists=lambda _: True,
            budget=budget,
        )

    short = await look(tools(Budget(candidates=2)), Baseline(make_file(LOAD)))
    few = await look(tools(Budget(verified=1)), Baseline(make_file(LOAD)))
    (workspace / "ruff.toml").write_text('exclude = ["app.py"]\n')
    parsed = await look(tools(Budget(parsed=2)), Baseline(make_file(LOAD)))

    assert short.fixes == ()
    assert short.tried == 2
    assert titles(few) == ["Rename to `config` - verified by ruff"]
    assert titles(parsed) == ["Rename to `a` - parsed", "Rename to `b` - parsed"]
    assert not parsed.could_verify


async def test_a_slow_checker_ends_with_the_time(
    around: Surroundings, make_program: MakeProgram, make_file: MakeFile
) -> None:
    """What was found until then is the answer."""
    slow = Ruff(make_program("ruff", "time.sleep(600)"), around)
    tools = Tools(
        checkers=(slow,),
        propose=lambda *_: proposing("config"),
        module_exists=lambda _: True,
        budget=Budget(seconds=0.5),
    )
    found = await look(tools, Baseline(make_file(LOAD)))

    assert found.fixes == ()


async def test_reading_names_is_in_no_budget(ruff: Ruff, make_file: MakeFile) -> None:
    """The first search in a large folder waits for them, and has its own time all the same."""
    seconds = 2.0

    async def ready() -> None:
        await asyncio.sleep(seconds * 1.2)

    tools = Tools(
        checkers=(ruff,),
        propose=lambda *_: proposing("config"),
        module_exists=lambda _: True,
        ready=ready,
        budget=Budget(seconds=seconds),
    )
    found = await look(tools, Baseline(make_file(LOAD)))

    assert titles(found) == ["Rename to `config` - verified by ruff"]


async def test_cancelling_ends_the_checker(
    around: Surroundings, make_program: MakeProgram, make_file: MakeFile, tmp_path: Path
) -> None:
    """By the time the search is over no process of its is left."""
    pid_file = tmp_path / "pid"
    slow = Ruff(
        make_program(
            "ruff", f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
        ),
        around,
    )
    tools = Tools(checkers=(slow,), propose=lambda *_: (), module_exists=lambda _: True)
    task = asyncio.create_task(look(tools, Baseline(make_file(LOAD))))
    pid = await asyncio.to_thread(wait_written, pid_file)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not is_running(pid)


async def test_hostile_messages_are_only_text(ruff: Ruff, make_file: MakeFile) -> None:
    """Markers, shell words and 100 kB in a message: the search works as for any other."""
    for message in ("<|fim_middle|> `$(touch /tmp/x)` ; rm -rf ~", "`'\"" * 33_000, "a" * 100_000):
        hostile = Diagnostic(
            start=Point(1, 11), end=Point(1, 16), code="", message=message, source="\0ruff; x"
        )
        tools = Tools(
            checkers=(ruff,), propose=lambda *_: proposing("config"), module_exists=lambda _: True
        )
        found = await look(tools, Baseline(make_file(LOAD)), hostile)

        assert titles(found) == ["Rename to `config` - parsed"]
