"""Looks for fixes of bugs exactly as the language server does: part of `mixline eval fixes`."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from evaluation.fixes.bugs import Bug
from evaluation.fixes.copies import Copy
from evaluation.fixes.outcome import Outcome, outcome_of
from lsp_server.document import Document, Point
from lsp_server.fixes.candidates import candidates
from lsp_server.fixes.checkers.checker import CheckedFile, Checker
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.diagnostic import ERROR, WARNING, Diagnostic
from lsp_server.fixes.names.folder import FolderNames
from lsp_server.fixes.search import Faulty, Found, Rank, Rewrite, Tools, search
from lsp_server.fixes.toolbox import Toolbox
from lsp_server.fixes.verification import Baseline

_SECONDS_BEFORE_CLOSE: Final = 10.0

Model = Callable[[str], tuple[Rank, Rewrite]]
"""Gives what a model does in a search, for a document's path inside the workspace."""


class Searcher:
    """The searches in one repository's copy; one event loop."""

    def __init__(self, copy: Copy, model: Model | None) -> None:
        """Find the checkers.

        Args:
            copy: where the files lie.
            model: None to search without.
        """
        self._folder = copy.folder
        self._names = FolderNames(copy.folder)
        self._model = model
        self._toolbox = Toolbox()
        self._around = Surroundings(folder=copy.folder, workspace=(copy.folder,), trusted=True)

    async def outcome(self, bug: Bug) -> Outcome:
        """Search for fixes of a bug, and judge the first."""
        file = self._folder / bug.path
        document = Document.of_text(uri=file.as_uri(), version=1, language="python", text=bug.text)
        names = self._names.read({file: bug.text})
        rank, rewrite = (None, None) if self._model is None else self._model(bug.path)
        tools = Tools(
            checkers=self._toolbox.checkers(self._around),
            propose=lambda text, diagnostic: candidates(text, diagnostic, names, bug.path),
            module_exists=partial(names.module_exists, path=bug.path),
            rank=rank,
            rewrite=rewrite,
        )
        checked = CheckedFile(document=document, path=file, folder=self._folder)
        found = await search(Faulty(baseline=Baseline(checked), diagnostic=_diagnostic(bug)), tools)
        return _outcome(bug, found)

    async def close(self) -> None:
        """End the checkers."""
        await self._toolbox.close()


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


def _outcome(bug: Bug, found: Found) -> Outcome:
    first = found.fixes[0] if found.fixes else None
    return outcome_of(
        bug,
        [fix.edited.text() for fix in found.fixes],
        title="" if first is None else first.candidate.title,
        origin="" if first is None else first.candidate.origin.value,
        verdict="" if first is None else first.verdict.value,
        by="" if first is None else first.by,
        tried=found.tried,
        seconds=found.seconds,
    )
