"""What searches may use here and now: the checkers of each folder, kept until they are closed."""

from collections.abc import Callable
from typing import Final

from lsp_server.engine_host import CompletionEngine
from lsp_server.fixes.checkers.checker import CheckedFile, Checker
from lsp_server.fixes.checkers.eslint import Eslint
from lsp_server.fixes.checkers.mypy import Mypy
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.checkers.pyright import Pyright
from lsp_server.fixes.checkers.ruff import Ruff
from lsp_server.fixes.checkers.typescript import TypeScript
from lsp_server.fixes.search import Tools
from lsp_server.fixes.workbench import Workbench

# Cheapest first. Each finds its program by the trust rule, or is not there.
_FINDERS: Final[tuple[Callable[[Surroundings], Checker | None], ...]] = (
    Ruff.find,
    TypeScript.find,
    Eslint.find,
    Pyright.find,
    Mypy.find,
)


class Toolbox:
    """Makes tools for one client or one command; lives in the event loop's thread."""

    def __init__(self, engine: Callable[[], CompletionEngine | None] = lambda: None) -> None:
        self._workbench = Workbench(engine)
        self._checkers: dict[Surroundings, tuple[Checker, ...]] = {}
        self._ended: list[Pyright | TypeScript] = []  # which may not be gone yet

    def checkers(self, around: Surroundings) -> tuple[Checker, ...]:
        """Return the checkers that may run in a folder, the cheapest first."""
        if around not in self._checkers:
            found = (find(around) for find in _FINDERS)
            self._checkers[around] = tuple(checker for checker in found if checker is not None)
        return self._checkers[around]

    def tools(self, file: CheckedFile, around: Surroundings) -> Tools:
        """Return what a search in a file may use."""
        return self._workbench.tools(file, self.checkers(around))

    def close(self) -> None:
        """End all checkers, and begin nothing more."""
        self._workbench.close()
        closing = [checker for known in self._checkers.values() for checker in known]
        self._checkers.clear()
        for checker in closing:
            checker.close()
        self._ended += [one for one in closing if isinstance(one, Pyright | TypeScript)]

    async def end(self) -> None:
        """Do the same, and wait until no process is left: an event loop may close then."""
        self.close()
        while self._ended:
            await self._ended.pop().wait_closed()
