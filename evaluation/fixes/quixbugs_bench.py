"""`mixline eval fixes` on QuixBugs: what is offered for the faulty line, and whether tests pass.

The line is given, as a stack trace or a failing test gives it, and no more than that. Counted is
the first fix that `mixline explain` would offer for it: for what checkers say of the line, else for
the failing test itself, which no checker can verify.
"""

import ast
import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from evaluation.fixes.copies import Copy
from evaluation.fixes.quixbugs import FAULTY, Program, read_programs
from evaluation.intervals import Interval, rounded, span, wilson
from evaluation.options import Options
from evaluation.progress import Progress
from evaluation.repositories import Repository, SourceFile
from evaluation.sandbox import Limits, Sandbox
from evaluation.subject import Subject, describe_subject, headline
from inference import Engine
from lsp_server.document import Document, Point
from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.stack_trace import TRACE_SOURCE
from lsp_server.fixes.toolbox import Toolbox
from lsp_server.fixes.verification import Verdict
from lsp_server.fixes.whole_file import WholeFile

_LIMITS: Final = Limits(seconds=5.0)
_FAILING: Final = "a test of this function fails"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRow:
    """What became of one program."""

    name: str
    fails: bool  # its tests, as it is: without that nothing can be said
    offered: bool
    verified: bool  # by a checker
    passes: bool  # all tests, after the fix
    same_tree: bool  # as the right program, comments and docstrings aside
    title: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramsReport:
    """All figures of one run; shares are of the programs whose tests fail as they should."""

    n: int
    offered: int
    verified: int
    passes: int
    passes_ci95: Interval
    same_tree: int
    seconds_p50: float
    programs: tuple[ProgramRow, ...]
    subject: Subject


def evaluate(options: Options, folder: Path) -> ProgramsReport:
    """Look for a fix of each program's line, and run the tests on it.

    Raises:
        DataError: the folder is not QuixBugs.
        MixlineError: the model cannot be opened or run, or the sandbox does not work.
    """
    programs = read_programs(folder)[: options.limit]
    sandbox = Sandbox(_LIMITS)
    with (
        Engine.open(options.model, options.config) as engine,
        TemporaryDirectory(prefix="mixline-quixbugs-") as place,
    ):
        rows = asyncio.run(_look(programs, sandbox, engine, Path(place).resolve()))
    counted = [row for row in rows if row.fails]
    passes = sum(row.passes for row in counted)
    return ProgramsReport(
        n=len(counted),
        offered=sum(row.offered for row in counted),
        verified=sum(row.verified for row in counted),
        passes=passes,
        passes_ci95=wilson(passes, len(counted)),
        same_tree=sum(row.same_tree for row in counted),
        seconds_p50=rounded(median([row.seconds for row in counted] or [0.0])),
        programs=tuple(rows),
        subject=describe_subject(options.model, options.data),
    )


def table(report: ProgramsReport) -> str:
    """Return the report for people."""
    rows = [
        f"| {row.name} | {row.title or '-'} | {'yes' if row.passes else 'no'} |"
        for row in report.programs
        if row.offered
    ]
    head = [
        f"{headline(report.subject)}; {report.n} programs",
        "",
        "| program | first fix | tests pass |",
        "|---|---|---|",
    ]
    total = (
        f"offered {report.offered}, verified {report.verified}, tests pass {report.passes}"
        f" ({span(report.passes_ci95)}), the right program {report.same_tree};"
        f" median {report.seconds_p50:.2f} s"
    )
    return "\n".join([*head, *rows, "", total])


async def _look(
    programs: list[Program], sandbox: Sandbox, engine: Engine, place: Path
) -> list[ProgramRow]:
    sources = {f"{FAULTY}/{one.name}.py": one.text for one in programs}
    sources |= {f"{FAULTY}/node.py": one.node for one in programs[:1]}
    files = [
        SourceFile(repository="quixbugs", path=path, text=text) for path, text in sources.items()
    ]
    copy = Copy(Repository(name="quixbugs", files=tuple(files)), place)
    toolbox = Toolbox(lambda: engine)
    rows = []
    try:
        with Progress("fixes", max(1, len(programs))) as progress:
            for program in programs:
                rows.append(await _row(program, sandbox, toolbox, copy.folder))
                progress.advance()
    finally:
        await toolbox.end()
    return rows


async def _row(program: Program, sandbox: Sandbox, toolbox: Toolbox, folder: Path) -> ProgramRow:
    path = folder / FAULTY / f"{program.name}.py"
    document = Document.of_text(uri=path.as_uri(), version=1, language="python", text=program.text)
    line = document.line(program.line)
    failing = Diagnostic(
        start=Point(program.line, len(line) - len(line.lstrip())),
        end=Point(program.line, len(line)),
        code="",
        message=_FAILING,
        source=TRACE_SOURCE,
    )
    around = Surroundings(folder=folder, workspace=(folder,), trusted=True)
    whole = WholeFile(toolbox, CheckedFile(document=document, path=path, folder=folder), around)
    started = time.perf_counter()
    found = await whole.fixes_at(document, program.line, failing)
    seconds = time.perf_counter() - started
    fix = found[0].fix if found else None
    text = "" if fix is None else fix.edited.text()
    return ProgramRow(
        name=program.name,
        fails=not await asyncio.to_thread(program.passes, sandbox, program.text),
        offered=fix is not None,
        verified=fix is not None and fix.verdict is Verdict.VERIFIED,
        passes=fix is not None and await asyncio.to_thread(program.passes, sandbox, text),
        same_tree=fix is not None and _tree(text) == _tree(program.true),
        title="" if fix is None else fix.title,
        seconds=seconds,
    )


def _tree(text: str) -> str:
    """Return a program's syntax tree without texts that stand alone."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef):
            node.body = [
                one
                for one in node.body
                if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
            ]
    return ast.dump(tree)
