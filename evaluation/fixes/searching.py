"""Looks for fixes of bugs exactly as the language server does: part of `mixline eval fixes`."""

import time
from dataclasses import replace
from typing import Final

from evaluation.fixes.bugs import Bug
from evaluation.fixes.copies import Copy
from evaluation.fixes.outcome import Outcome, outcome_of
from inference import Engine
from lsp_server.document import Document, Point
from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.diagnostic import ERROR, WARNING, Diagnostic
from lsp_server.fixes.search import Budget, Faulty, Found, search
from lsp_server.fixes.toolbox import Toolbox
from lsp_server.fixes.verification import Baseline

# Time is measured, and shall decide nothing else: the machine may be busy.
_BUDGET: Final = Budget(seconds=60.0)


class Searcher:
    """The searches in one repository's copy; one event loop."""

    def __init__(self, copy: Copy, engine: Engine) -> None:
        """Find the checkers.

        Args:
            copy: where the files lie.
            engine: ranks and writes.
        """
        self._folder = copy.folder
        self._warm: set[str] = set()
        self._toolbox = Toolbox(lambda: engine)
        self._around = Surroundings(folder=copy.folder, workspace=(copy.folder,), trusted=True)

    async def outcome(self, bug: Bug) -> Outcome:
        """Search for fixes of a bug, and judge the first."""
        file = self._folder / bug.path
        document = Document.of_text(uri=file.as_uri(), version=1, language="python", text=bug.text)
        checked = CheckedFile(document=document, path=file, folder=self._folder)
        faulty = Faulty(baseline=Baseline(checked), diagnostic=_diagnostic(bug))
        tools = self._toolbox.tools(checked, self._around)
        for checker in tools.checkers:
            if checker.name == bug.checker and bug.checker not in self._warm:
                self._warm.add(bug.checker)  # a type checker's first look takes seconds
                await checker.check(checked)
        if tools.ready is not None:
            await tools.ready()
        started = time.perf_counter()
        found = await search(faulty, replace(tools, budget=_BUDGET))
        return _outcome(bug, found, time.perf_counter() - started)

    async def close(self) -> None:
        """End the checkers."""
        await self._toolbox.end()


def _diagnostic(bug: Bug) -> Diagnostic:
    said = bug.report
    return Diagnostic(
        start=Point(said.line, said.column),
        end=Point(said.end_line, said.end_column),
        code=said.code,
        message=said.message,
        source=bug.checker,
        severity=ERROR if said.is_error else WARNING,
    )


def _outcome(bug: Bug, found: Found, seconds: float) -> Outcome:
    first = found.fixes[0] if found.fixes else None
    return outcome_of(
        bug,
        [fix.edited.text() for fix in found.fixes],
        title="" if first is None else first.candidate.title,
        origin="" if first is None else first.candidate.origin.value,
        verdict="" if first is None else first.verdict.value,
        by="" if first is None else first.by,
        tried=found.tried,
        seconds=seconds,
    )
