"""The names of a workspace folder, read from its files and kept up to date by their stamps."""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from lsp_server.context.admission import AdmissionRules, resolved
from lsp_server.context.workspace_files import Stamp, read_shared, stamp_of, walk
from lsp_server.fixes.names.installed import installed_modules
from lsp_server.fixes.names.known import Names

_FRESH_S: Final = 5.0  # the folder is not walked again before
_MOST_FILES: Final = 5000
_MOST_CHARACTERS: Final = 40_000_000


class FolderNames:
    """One folder; used by one thread at a time, since reading blocks."""

    def __init__(
        self,
        folder: Path,
        *,
        most_levels: float = math.inf,
        go_on: Callable[[], None] = lambda: None,
    ) -> None:
        """Read nothing yet.

        Args:
            folder: of the workspace, or that of a file outside of it.
            most_levels: of folders that are read, this one included.
            go_on: called often while there is work; what it raises ends the work.
        """
        self._folder = resolved(folder)
        self._rules = AdmissionRules([self._folder])
        self._most_levels = most_levels
        self._go_on = go_on
        self._texts: dict[str, str] = {}
        self._stamps: dict[str, Stamp] = {}
        self._installed: frozenset[str] = frozenset()
        self._names: Names | None = None
        self._walked = 0.0

    def path_of(self, file: Path) -> str:
        """Return a file's path inside the folder; its bare name if it lies outside."""
        real = resolved(file)
        if real.is_relative_to(self._folder):
            return real.relative_to(self._folder).as_posix()
        return real.name

    def read(self, unsaved: Mapping[Path, str]) -> Names:
        """Return what exists now.

        Args:
            unsaved: texts of open files, which stand for what is on disk.
        """
        if self._names is None or time.monotonic() - self._walked > _FRESH_S:
            self._walk()
        texts = {self.path_of(file): text for file, text in unsaved.items()}
        self._names = Names({**self._texts, **texts}, self._installed, self._names)
        return self._names

    def _walk(self) -> None:
        self._walked = time.monotonic()
        self._installed = installed_modules([self._folder])
        texts: dict[str, str] = {}
        left = _MOST_CHARACTERS
        for file in walk([self._folder], self._rules, self._go_on, most_levels=self._most_levels):
            if file.suffix not in {".py", ".pyi"} or left <= 0 or len(texts) >= _MOST_FILES:
                continue
            self._go_on()
            path = file.relative_to(self._folder).as_posix()
            stamp = stamp_of(file)
            if stamp is None:
                continue
            text = self._texts.get(path) if stamp == self._stamps.get(path) else None
            if text is None:
                text = read_shared(file, self._rules, self._go_on, walked=True)
            if text is not None:
                texts[path] = text
                self._stamps[path] = stamp
                left -= len(text)
        self._texts = texts
