"""mypy on a shadow of the file, with a cache of ours and the project's own configuration.

Output: https://mypy.readthedocs.io/en/stable/command_line.html#cmdoption-mypy-output, one JSON
object for each line; lines count from 1, columns from 0, in code points on lines of ASCII only.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from lsp_server.document import Document, Point
from lsp_server.fixes.checkers.checker import CheckedFile, Finding, Report
from lsp_server.fixes.checkers.linter import linted
from lsp_server.fixes.checkers.process import environment, run_program
from lsp_server.fixes.checkers.programs import Surroundings, find_program, safe_path
from lsp_server.fixes.diagnostic import ERROR, Diagnostic

_LIMIT_S: Final = 60.0  # of the first run, which reads the project
_ARGUMENTS: Final = (
    *("--output", "json", "--no-error-summary", "--hide-error-context", "--no-color-output"),
    *("--show-error-codes", "--no-install-types", "--no-pretty"),
)
_WORD: Final = re.compile(r"\w+")
_CONFIGURATION: Final = ("mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg")


class Mypy:
    """The type checker of one trusted folder."""

    name = "mypy"

    def __init__(self, program: Path, folder: Path, around: Surroundings) -> None:
        self._program = program
        self._folder = folder
        # mypy looks for modules beside what it is told to check, and in MYPYPATH.
        self._variables = {**environment(safe_path(around)), "MYPYPATH": str(folder)}

    @classmethod
    def find(cls, around: Surroundings) -> "Mypy | None":
        """Return a checker if the folder is trusted: its configuration may name plugins."""
        if not around.trusted or around.folder is None:
            return None
        program = find_program("mypy", around)
        return None if program is None else cls(program, around.folder, around)

    def takes(self, document: Document) -> bool:
        """Python only."""
        return document.language == "python"

    async def check(self, file: CheckedFile) -> Report:
        """Run mypy on the text in place of its file, and likewise for other unsaved buffers."""
        if file.path is None or not file.path.is_file():
            return Report(problem="mypy checks files that exist only")
        with ExitStack() as stack:
            shadows = stack.enter_context(tempfile.TemporaryDirectory(prefix="mixline-mypy-"))
            texts = {file.path: file.document, **file.others}
            arguments = [
                part
                for number, (path, document) in enumerate(texts.items())
                if path.is_file() and self.takes(document)
                for part in (
                    "--shadow-file",
                    str(path),
                    _write(Path(shadows, str(number)), document),
                )
            ]
            run = run_program(
                (
                    str(self._program),
                    *_ARGUMENTS,
                    *("--cache-dir", str(_cache(self._folder))),
                    *self._configuration(),
                    *arguments,
                    *("--", str(file.path)),
                ),
                b"",
                variables=self._variables,
                limit_s=_LIMIT_S,
                background=file.background,
            )
            return await linted(self.name, run, partial(_read, file.path, file.document))

    def close(self) -> None:
        """Nothing runs on."""

    def _configuration(self) -> tuple[str, ...]:
        """Return where the settings stand; mypy looks only into its working directory."""
        for name in _CONFIGURATION:
            file = self._folder / name
            if file.is_file() and (name.endswith("mypy.ini") or b"mypy" in file.read_bytes()):
                return "--config-file", str(file)
        return "--config-file", ""


def _cache(folder: Path) -> Path:
    """Return a cache folder of ours for a workspace folder."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    caches = Path(named) if named.startswith("/") else Path.home() / ".cache"
    name = hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()
    return caches / "mixline" / "mypy" / name[:32]


def _write(file: Path, document: Document) -> str:
    file.write_bytes("".join(document.lines).encode("utf-8", "replace"))
    return str(file)


def _read(path: Path, document: Document, output: bytes) -> list[Finding]:
    """Read a report; notes, and what it says of other files, are left out."""
    rows = [json.loads(row) for row in output.decode("utf-8", "replace").splitlines() if row]
    return [
        Finding(diagnostic=_diagnostic(row, document))
        for row in rows
        if Path(os.sep, row["file"]) == path and row["severity"] == "error"
    ]


def _diagnostic(row: Mapping[str, Any], document: Document) -> Diagnostic:
    start = Point(max(int(row["line"]), 1) - 1, max(int(row["column"]), 0))
    end = start
    if start.line < len(document.lines):
        word = _WORD.match(document.line(start.line), start.column)  # mypy tells no end
        end = start if word is None else Point(start.line, word.end())
    return Diagnostic(
        start=start,
        end=end,
        code=str(row["code"] or ""),
        message=str(row["message"]),
        source="mypy",
        severity=ERROR,
    )
