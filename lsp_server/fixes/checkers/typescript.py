"""TypeScript's compiler as a server, with the project's own version and configuration."""

import json
import logging
from pathlib import Path
from typing import Final

from lsp_server.context.admission import resolved
from lsp_server.document import Document
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.checkers.checker import CheckedFile, Report
from lsp_server.fixes.checkers.language_client import LanguageClient
from lsp_server.fixes.checkers.lsp_report import report_of
from lsp_server.fixes.checkers.process import environment
from lsp_server.fixes.checkers.programs import Surroundings, find_program, safe_path
from lsp_server.fixes.checkers.server_process import LanguageServerError
from lsp_server.fixes.checkers.ts_fixes import fixes_in
from lsp_server.fixes.checkers.tsserver import TsServer
from lsp_server.fixes.diagnostic import Diagnostic

_log = logging.getLogger(__name__)
_LANGUAGES: Final = frozenset({"typescript", "typescriptreact", "javascript", "javascriptreact"})
_LIMIT_S: Final = 30.0  # of the first run, which reads the project
_FIRST_OF_LSP: Final = 7  # the version whose compiler is a language server
_NO_DOWNLOADS: Final = {"disableAutomaticTypeAcquisition": True}
_SETTINGS: Final = dict.fromkeys(("typescript", "javascript", "js/ts"), _NO_DOWNLOADS)


class TypeScript:
    """The compiler of one trusted folder: from 7 on by LSP, before by tsserver beside it."""

    name = "typescript"

    def __init__(self, server: LanguageClient | TsServer) -> None:
        self._server = server

    @classmethod
    def find(cls, around: Surroundings) -> "TypeScript | None":
        """Return a checker if the folder is trusted: plugins in its configuration are code."""
        if not around.trusted or around.folder is None:
            return None
        compiler = find_program("tsc", around)
        if compiler is None:
            return None
        variables = environment(safe_path(around))
        if (_version(compiler) or 0) >= _FIRST_OF_LSP:
            command = (str(compiler), "--lsp", "--stdio")
            return cls(LanguageClient(command, around.folder, variables, _SETTINGS))
        older = compiler.with_name("tsserver")
        return cls(TsServer(older, around.folder, variables)) if older.is_file() else None

    def takes(self, document: Document) -> bool:
        """TypeScript, and JavaScript as far as the project has it checked."""
        return document.language in _LANGUAGES

    async def check(self, file: CheckedFile) -> Report:
        """Show the server the text, with all unsaved buffers, and ask."""
        if file.path is None:
            return Report(problem="TypeScript checks files that have a place")
        document = file.document
        others = {path: one for path, one in file.others.items() if self.takes(one)}
        if isinstance(self._server, TsServer):
            answer = self._server.check(file.path, document, others, _LIMIT_S)
        else:
            answer = self._server.check(document, list(others.values()), _LIMIT_S)
        return await report_of(answer, document, self.name)

    async def fixes(self, file: CheckedFile, diagnostic: Diagnostic) -> tuple[Candidate, ...]:
        """Return tsserver's own fixes: missing imports above all, which it alone can know."""
        if file.path is None or not isinstance(self._server, TsServer):
            return ()
        document = file.document
        others = {path: one for path, one in file.others.items() if self.takes(one)}
        try:
            answer = await self._server.fixes(file.path, document, others, diagnostic, _LIMIT_S)
            return tuple(fixes_in(answer, file.path, document))
        except LanguageServerError as error:
            _log.warning("%s: it tells no fixes: %s", self.name, error)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            _log.warning("%s: its fixes are not of the form that tsserver has", self.name)
        return ()

    def close(self) -> None:
        """End the server."""
        self._server.close()

    async def wait_closed(self) -> None:
        """Wait until a server that was ended is gone."""
        await self._server.wait_closed()


def _version(compiler: Path) -> int | None:
    """Return the first number of the package that a compiler belongs to, None if it tells none."""
    try:
        text = (resolved(compiler).parents[1] / "package.json").read_text("utf-8")
        package = json.loads(text)
        return int(package["version"].split(".")[0]) if package["name"] == "typescript" else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
