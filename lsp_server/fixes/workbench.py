"""What is proposed for a file: edits by the names of its folder, and what the model says of it."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

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

_MOST_FOLDERS: Final = 4  # whose names are kept; each may hold megabytes of text
# A file outside of the workspace, in a home folder or a library say: what lies near, not the disk.
_LEVELS_AROUND_A_FILE: Final = 2


class Workbench:
    """Knows the names of each folder; lives in the event loop's thread, reads files in another."""

    def __init__(self, engine: Callable[[], CompletionEngine | None]) -> None:
        """Know nothing yet.

        Args:
            engine: gives the engine once it is ready; without one, costs alone decide.
        """
        self._engine = engine
        self._folders: dict[Path, FolderNames] = {}
        self._closed = False
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mixline-names")

    def tools(self, file: CheckedFile, checkers: tuple[Checker, ...]) -> Tools:
        """Return what a search in a file may use; the names of its folder are read from now on."""
        names, path = self._names(file)
        own = _Proposer(names, path)
        engine = self._engine()
        model = None if engine is None else _Model(engine, path)
        return Tools(
            checkers=checkers,
            propose=own.propose,
            module_exists=own.module_exists,
            ready=own.ready,
            rank=None if model is None else model.rank,
            rewrite=None if model is None else model.rewrite,
        )

    def close(self) -> None:
        """Begin no further reading, and end that which is under way."""
        self._closed = True
        self._reader.shutdown(wait=False, cancel_futures=True)

    def _names(self, file: CheckedFile) -> tuple[Future[Names], str]:
        """Return what exists for a file, once it has been read, and the file's path among it."""
        if file.path is None:
            name = file.document.uri.rpartition("/")[2]
            return self._reader.submit(Names, {name: file.document.text()}), name
        known = self._known(file.folder, file.path.parent)
        unsaved = {path: document.text() for path, document in file.others.items()}
        unsaved[file.path] = file.document.text()
        return self._reader.submit(known.read, unsaved), known.path_of(file.path)

    def _known(self, folder: Path | None, around: Path) -> FolderNames:
        """Return the names of a workspace folder or, for a file in none, of what lies around it."""
        key = folder or around
        known = self._folders.pop(key, None)
        if known is None:
            most = math.inf if folder else _LEVELS_AROUND_A_FILE
            known = FolderNames(key, most_levels=most, go_on=self._go_on)
        self._folders[key] = known  # behind all others
        while len(self._folders) > _MOST_FOLDERS:
            del self._folders[next(iter(self._folders))]
        return known

    def _go_on(self) -> None:
        """Let the reader's thread work until the client is gone."""
        if self._closed:
            raise CancelledError


class _Proposer:
    """Its methods but `ready` are for other threads than the event loop's: they wait for names."""

    def __init__(self, names: Future[Names], path: str) -> None:
        self._names = names
        self._path = path

    async def ready(self) -> None:
        await asyncio.wrap_future(self._names)

    def propose(self, document: Document, diagnostic: Diagnostic) -> Iterable[Candidate]:
        return candidates(document, diagnostic, self._names.result(), self._path)

    def module_exists(self, module: str) -> bool:
        return self._names.result().module_exists(module, self._path)


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
