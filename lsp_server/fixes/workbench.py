"""What is proposed for a file: edits by the names of its folder, and what the model says of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from lsp_server.document import Document
from lsp_server.engine_host import CompletionEngine
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.candidates import candidates
from lsp_server.fixes.checkers.checker import CheckedFile, Checker
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.names.folder import FolderNames
from lsp_server.fixes.names.known import Names
from lsp_server.fixes.ranking import EngineScorer, rank
from lsp_server.fixes.rewriting import rewrites
from lsp_server.fixes.search import Tools


class Workbench:
    """Knows the names of each folder; lives in the event loop's thread, reads files in others."""

    def __init__(self, engine: Callable[[], CompletionEngine | None]) -> None:
        """Know nothing yet.

        Args:
            engine: gives the engine once it is ready; without one, costs alone decide.
        """
        self._engine = engine
        self._folders: dict[Path, FolderNames] = {}
        self._reading = asyncio.Lock()

    async def tools(self, file: CheckedFile, checkers: tuple[Checker, ...]) -> Tools:
        """Return what a search in a file may use."""
        names, path = await self._names(file)
        own = _Proposer(names, path)
        engine = self._engine()
        model = None if engine is None else _Model(engine, path)
        return Tools(
            checkers=checkers,
            propose=own.propose,
            module_exists=partial(names.module_exists, path=path),
            rank=None if model is None else model.rank,
            rewrite=None if model is None else model.rewrite,
        )

    async def _names(self, file: CheckedFile) -> tuple[Names, str]:
        """Return what exists for a file, and the file's path among it."""
        if file.path is None:
            name = file.document.uri.rpartition("/")[2]
            return Names({name: file.document.text()}), name
        folder = file.folder or file.path.parent
        known = self._folders.setdefault(folder, FolderNames(folder))
        unsaved = {path: document.text() for path, document in file.others.items()}
        unsaved[file.path] = file.document.text()
        async with self._reading:
            names = await asyncio.to_thread(known.read, unsaved)
        return names, known.path_of(file.path)


class _Proposer:
    def __init__(self, names: Names, path: str) -> None:
        self._names = names
        self._path = path

    def propose(self, document: Document, diagnostic: Diagnostic) -> Iterable[Candidate]:
        return candidates(document, diagnostic, self._names, self._path)


class _Model:
    def __init__(self, engine: CompletionEngine, path: str) -> None:
        self._engine = engine
        self._path = path

    async def rank(
        self, document: Document, diagnostic: Diagnostic, found: Sequence[Candidate]
    ) -> Sequence[Candidate]:
        scorer = EngineScorer(self._engine, document.uri, self._path)
        return await rank(scorer, document, diagnostic, found)

    def rewrite(self, document: Document, diagnostic: Diagnostic) -> AsyncIterator[Candidate]:
        return rewrites(self._engine, document, diagnostic, self._path)
