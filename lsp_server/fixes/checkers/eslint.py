"""eslint on standard input, with the project's own configuration, which is code.

Output: https://eslint.org/docs/latest/use/formatters/#json; lines and columns count from 1, columns
in utf-16 units, as do the offsets of a fix.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Candidate, Change, Origin
from lsp_server.fixes.checkers.checker import CheckedFile, Finding, Report
from lsp_server.fixes.checkers.linter import linted
from lsp_server.fixes.checkers.process import environment, run_program
from lsp_server.fixes.checkers.programs import Surroundings, find_program, safe_path
from lsp_server.fixes.diagnostic import ERROR, WARNING, Diagnostic
from lsp_server.positions import PositionEncoding, index_of_units

SYNTAX_CODE: Final = "syntax-error"
_LANGUAGES: Final = frozenset(
    {"javascript", "javascriptreact", "typescript", "typescriptreact", "vue"}
)
_LIMIT_S: Final = 20.0
_SEVERE: Final = 2  # eslint's word for an error
_ARGUMENTS: Final = ("--stdin", "--format", "json", "--no-color")


class Eslint:
    """The linter of one trusted folder; its own only, since its plugins stand beside it."""

    name = "eslint"

    def __init__(self, program: Path, folder: Path, around: Surroundings) -> None:
        self._program = program
        self._folder = folder
        self._variables = environment(safe_path(around))

    @classmethod
    def find(cls, around: Surroundings) -> "Eslint | None":
        """Return a checker if the folder is trusted."""
        if not around.trusted or around.folder is None:
            return None
        program = find_program("eslint", around)
        return None if program is None else cls(program, around.folder, around)

    def takes(self, document: Document) -> bool:
        """JavaScript and TypeScript."""
        return document.language in _LANGUAGES

    async def check(self, file: CheckedFile) -> Report:
        """Run eslint on the text; in the folder, where alone it finds its configuration."""
        if file.path is None:
            return Report(problem="eslint checks files that have a place")
        run = run_program(
            (str(self._program), *_ARGUMENTS, "--stdin-filename", str(file.path)),
            "".join(file.document.lines).encode("utf-8", "replace"),
            variables=self._variables,
            limit_s=_LIMIT_S,
            folder=self._folder,
            background=file.background,
        )
        return await linted(self.name, run, partial(_read, file.document))

    def close(self) -> None:
        """Nothing runs on."""


def _read(document: Document, output: bytes) -> list[Finding]:
    (result,) = json.loads(output)
    return [_finding(row, document) for row in result["messages"]]


def _finding(row: Mapping[str, Any], document: Document) -> Finding:
    line, column = int(row.get("line") or 1), int(row.get("column") or 1)
    start = document.point(line - 1, column - 1, PositionEncoding.UTF16)
    end_line, end_column = int(row.get("endLine") or line), int(row.get("endColumn") or column)
    diagnostic = Diagnostic(
        start=start,
        end=document.point(end_line - 1, end_column - 1, PositionEncoding.UTF16),
        code=str(row["ruleId"] or (SYNTAX_CODE if row.get("fatal") else "")),
        message=str(row["message"]),
        source="eslint",
        severity=ERROR if row["severity"] == _SEVERE else WARNING,
    )
    return Finding(diagnostic=diagnostic, fix=_fix(row.get("fix"), row, document))


def _fix(
    fix: Mapping[str, Any] | None, row: Mapping[str, Any], document: Document
) -> Candidate | None:
    if fix is None:
        return None
    start, end = fix["range"]
    change = Change(
        start=_point(document, int(start)),
        end=_point(document, int(end)),
        text=str(fix["text"]).replace("\r\n", "\n"),
    )
    return Candidate(title=f"Fix {row['ruleId']}", changes=(change,), origin=Origin.CHECKER)


def _point(document: Document, offset: int) -> Point:
    """Return where an offset in utf-16 units stands."""
    left = offset
    for number, line in enumerate(document.lines):
        units = len(line.encode("utf-16-le", "surrogatepass")) // 2
        if left < units or number == len(document.lines) - 1:
            return Point(
                number, index_of_units(document.line(number), left, PositionEncoding.UTF16)
            )
        left -= units
    return Point(0, 0)
