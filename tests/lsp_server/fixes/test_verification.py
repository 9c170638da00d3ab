"""Verified, parsed or refused: with the real ruff, and with checkers that misbehave."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Candidate, Change, Origin
from lsp_server.fixes.checkers.checker import CheckedFile, Finding, Report
from lsp_server.fixes.checkers.ruff import Ruff
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.refusal import Refusal
from lsp_server.fixes.verification import Baseline, Fix, Verdict, Verifier
from tests.lsp_server.fixes.conftest import MakeFile

LOAD = "import re\n\n\ndef load(config):\n    x = re\n    return confg.name\n"
PLACE = Point(5, 11)


def undefined(name: str = "confg", place: Point = PLACE, source: str = "Ruff") -> Diagnostic:
    return Diagnostic(
        start=place,
        end=Point(place.line, place.column + len(name)),
        code="F821" if source == "Ruff" else "",
        message=f"Undefined name `{name}`",
        source=source,
    )


def replacing(diagnostic: Diagnostic, text: str) -> Candidate:
    change = Change(start=diagnostic.start, end=diagnostic.end, text=text)
    return Candidate(title=f"Rename to `{text}`", changes=(change,), origin=Origin.ENUMERATED)


def inserting(line: int, text: str) -> Candidate:
    change = Change(start=Point(line, 0), end=Point(line, 0), text=text)
    return Candidate(title="Insert", changes=(change,), origin=Origin.ENUMERATED)


async def verify(
    file: CheckedFile,
    diagnostic: Diagnostic,
    candidate: Candidate,
    *checkers: Ruff,
) -> Fix | Refusal:
    verifier = Verifier(Baseline(file), diagnostic, checkers, lambda module: module != "nowhere")
    await verifier.prepare()
    return await verifier.verify(candidate)


async def test_a_fix_is_verified_by_the_checker_that_complained(
    ruff: Ruff, make_file: MakeFile
) -> None:
    """The rest of what ruff says about the file stays as it was."""
    fix = await verify(make_file(LOAD), undefined(), replacing(undefined(), "config"), ruff)

    assert isinstance(fix, Fix)
    assert fix.title == "Rename to `config` - verified by ruff"
    assert fix.edited.text() == LOAD.replace("confg", "config")


@pytest.mark.parametrize(
    ("candidate", "refusal"),
    [
        (replacing(undefined(), "cfg"), Refusal.ADDS),
        (replacing(undefined(), "confg "), Refusal.STILL_THERE),
        (replacing(undefined(), "(config"), Refusal.BREAKS_SYNTAX),
        (replacing(undefined(), "config  # noqa"), Refusal.SUPPRESSES),
        (inserting(1, "import confg, os\n"), Refusal.ADDS),
        (inserting(1, "import nowhere\n"), Refusal.NO_SUCH_MODULE),
        (inserting(99, "x"), Refusal.IMPOSSIBLE),
    ],
)
async def test_what_does_not_help_is_refused(
    candidate: Candidate, refusal: Refusal, ruff: Ruff, make_file: MakeFile
) -> None:
    """Another undefined name, the same one, a broken line, an unused import, ..."""
    assert await verify(make_file(LOAD), undefined(), candidate, ruff) is refusal


async def test_lines_may_move(ruff: Ruff, make_file: MakeFile) -> None:
    """An import above everything: what ruff says of the unused variable is not new."""
    fix = await verify(make_file(LOAD), undefined(), inserting(1, "import confg\n"), ruff)

    assert isinstance(fix, Fix)
    assert fix.verdict is Verdict.VERIFIED


async def test_one_of_two_on_a_line(ruff: Ruff, make_file: MakeFile) -> None:
    """The other one is no new complaint, and not the one that was to go."""
    file = make_file("def f(config):\n    return confg, confg\n")
    second = undefined(place=Point(1, 18))
    fix = await verify(file, second, replacing(second, "config"), ruff)

    assert isinstance(fix, Fix)
    assert fix.verdict is Verdict.VERIFIED


async def test_another_checkers_words_for_the_same_fault(ruff: Ruff, make_file: MakeFile) -> None:
    """A diagnostic of pyflakes' without a code, of pyright's: ruff knows the fault by its kind."""
    pyright = Diagnostic(
        start=PLACE,
        end=Point(5, 16),
        code="reportUndefinedVariable",
        message='"confg" is not defined',
        source="Pyright",
    )
    for diagnostic in (undefined(source="pyflakes"), pyright):
        fix = await verify(make_file(LOAD), diagnostic, replacing(diagnostic, "config"), ruff)
        assert isinstance(fix, Fix)
        assert fix.by == "ruff"


async def test_an_excluded_file_is_never_verified(
    ruff: Ruff, make_file: MakeFile, workspace: Path
) -> None:
    """The checker does not report the diagnostic there, so its silence proves nothing."""
    (workspace / "ruff.toml").write_text('exclude = ["app.py"]\n')
    fix = await verify(make_file(LOAD), undefined(), replacing(undefined(), "config"), ruff)

    assert isinstance(fix, Fix)
    assert fix.title == "Rename to `config` - parsed"


async def test_a_rule_that_is_off_is_never_verified(ruff: Ruff, make_file: MakeFile) -> None:
    """The editor's own settings may have turned it on."""
    diagnostic = Diagnostic(
        start=PLACE, end=Point(5, 16), code="D103", message="Missing docstring", source="Ruff"
    )
    fix = await verify(make_file(LOAD), diagnostic, replacing(undefined(), "config"), ruff)

    assert isinstance(fix, Fix)
    assert fix.verdict is Verdict.PARSED


async def test_without_a_checker_the_parsers_decide(make_file: MakeFile) -> None:
    """Syntax of any language; for our own diagnostics of names, those too."""
    own = Diagnostic(
        start=PLACE,
        end=Point(5, 16),
        code="undefined-name",
        message="undefined name `confg`",
        source="mixline",
    )
    script = make_file("let config = 1;\nlog(confg);\n", "a.js", "javascript")
    foreign = undefined(place=Point(1, 4), source="eslint")
    fixes = [
        await verify(make_file(LOAD), own, replacing(own, "config")),
        await verify(script, foreign, replacing(foreign, "config")),
    ]

    assert [fix.title for fix in fixes if isinstance(fix, Fix)] == [
        "Rename to `config` - parsed",
        "Rename to `config` - parsed",
    ]
    assert await verify(make_file(LOAD), own, replacing(own, "cfg")) is Refusal.BREAKS_SYNTAX
    assert await verify(script, foreign, replacing(foreign, "(")) is Refusal.BREAKS_SYNTAX


async def test_a_syntax_error(ruff: Ruff, make_file: MakeFile) -> None:
    """The missing colon; what other lines were hiding cannot be judged."""
    text = "def f(x)\n    return x\n"
    colon = Candidate(
        title="Insert `:`",
        changes=(Change(start=Point(0, 8), end=Point(0, 8), text=":"),),
        origin=Origin.ENUMERATED,
    )
    complaint = Diagnostic(
        start=Point(0, 8), end=Point(0, 8), message='Expected ":"', source="Pyright"
    )
    verified = await verify(make_file(text), complaint, colon, ruff)
    hidden = await verify(make_file(text + "import os\n"), complaint, colon, ruff)
    own = await verify(make_file(text), complaint, colon)

    assert isinstance(verified, Fix)
    assert isinstance(hidden, Fix)
    assert isinstance(own, Fix)
    assert [fix.verdict for fix in (verified, hidden, own)] == ["verified", "parsed", "parsed"]


class Scripted:
    """A checker that says what it is told to, call by call."""

    name = "ruff"

    def __init__(self, *reports: Report) -> None:
        self._reports = list(reports)

    def takes(self, document: Document) -> bool:
        return document.language == "python"

    async def check(self, file: CheckedFile) -> Report:
        await asyncio.sleep(0)
        assert file.path is not None
        return self._reports.pop(0)

    def close(self) -> None:
        pass


COMPLAINS = Report(findings=(Finding(diagnostic=undefined()),))
BROKEN = Report(problem="it was ended by signal 11")


@pytest.mark.parametrize(
    ("reports", "outcome"),
    [
        ([COMPLAINS, BROKEN], Refusal.FAILED),
        ([BROKEN], "parsed"),
        ([Report(), Report()], "parsed"),
        ([COMPLAINS, COMPLAINS], Refusal.STILL_THERE),
        ([COMPLAINS, Report()], "verified"),
    ],
)
async def test_a_checker_that_fails_proves_nothing(
    reports: Sequence[Report], outcome: object, make_file: MakeFile
) -> None:
    """Before the edit: parsed at most; after it: refused."""
    verifier = Verifier(
        Baseline(make_file(LOAD)), undefined(), [Scripted(*reports)], lambda _: True
    )
    await verifier.prepare()
    fix = await verifier.verify(replacing(undefined(), "config"))

    assert (fix.verdict if isinstance(fix, Fix) else fix) == outcome
