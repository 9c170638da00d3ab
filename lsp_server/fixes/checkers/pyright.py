"""pyright or basedpyright as a language server, with the project's own configuration."""

from pathlib import Path
from typing import Final

from lsp_server.document import Document
from lsp_server.fixes.checkers.checker import CheckedFile, Report
from lsp_server.fixes.checkers.language_client import LanguageClient
from lsp_server.fixes.checkers.lsp_report import report_of
from lsp_server.fixes.checkers.process import environment
from lsp_server.fixes.checkers.programs import Surroundings, find_program, safe_path

_PROGRAMS: Final = {
    "basedpyright-langserver": "basedpyright",
    "pyright-langserver": "pyright",
}
_LIMIT_S: Final = 30.0  # of the first run, which reads the project
_HEAD_BYTES: Final = 4096


class Pyright:
    """The type checker of one trusted folder; its server starts with the first check."""

    def __init__(self, program: Path, name: str, folder: Path, around: Surroundings) -> None:
        self.name = name
        python = folder / ".venv" / "bin" / "python"
        settings = {"pythonPath": str(python)} if python.exists() else {}
        self._client = LanguageClient(
            (str(program), "--stdio"), folder, environment(safe_path(around)), {"python": settings}
        )

    @classmethod
    def find(cls, around: Surroundings) -> "Pyright | None":
        """Return a checker if the folder is trusted: it runs the project's interpreter."""
        if not around.trusted or around.folder is None:
            return None
        for file, name in _PROGRAMS.items():
            program = find_program(file, around)
            if program is not None and not _downloads(program):
                return cls(program, name, around.folder, around)
        return None

    def takes(self, document: Document) -> bool:
        """Python only."""
        return document.language == "python"

    async def check(self, file: CheckedFile) -> Report:
        """Show the server the text, with all unsaved buffers, and ask."""
        others = [one for one in file.others.values() if self.takes(one)]
        answer = self._client.check(file.document, others, _LIMIT_S)
        return await report_of(answer, file.document, self.name)

    def close(self) -> None:
        """End the server."""
        self._client.close()

    async def wait_closed(self) -> None:
        """Wait until a server that was ended is gone."""
        await self._client.wait_closed()


def _downloads(program: Path) -> bool:
    """Tell whether a program is PyPI's `pyright`, which fetches the real one when it runs."""
    try:
        with program.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return True
    return b"from pyright." in head or b"import pyright" in head
