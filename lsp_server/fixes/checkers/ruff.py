"""ruff on standard input: the project's configuration, no cache, no change of anything.

Output: https://docs.astral.sh/ruff/settings/#output-format, `json`; rows and columns count from 1,
columns in code points.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Candidate, Change, Origin
from lsp_server.fixes.checkers.checker import CheckedFile, Finding, Report
from lsp_server.fixes.checkers.linter import linted
from lsp_server.fixes.checkers.process import environment, run_program
from lsp_server.fixes.checkers.programs import Surroundings, find_program, safe_path
from lsp_server.fixes.diagnostic import ERROR, WARNING, Diagnostic

SYNTAX_CODE: Final = "invalid-syntax"
_LIMIT_S: Final = 10.0
# `fix` may be set in the configuration, which would print the fixed text in place of a report.
_ARGUMENTS: Final = (
    *("check", "--no-cache", "--no-fix", "--no-fix-only", "--force-exclude"),
    *("--output-format", "json", "--quiet"),
)


class Ruff:
    """ruff as one workspace folder may use it."""

    name = "ruff"

    def __init__(self, program: Path, around: Surroundings) -> None:
        self._program = program
        self._variables = environment(safe_path(around))

    @classmethod
    def find(cls, around: Surroundings) -> "Ruff | None":
        """Return a checker if there is a ruff that may run; it is data to ruff, never code."""
        program = find_program("ruff", around)
        return None if program is None else cls(program, around)

    def takes(self, document: Document) -> bool:
        """Python only."""
        return document.language == "python"

    async def check(self, file: CheckedFile) -> Report:
        """Run ruff on the text, under the name of its file."""
        named = () if file.path is None else ("--stdin-filename", str(file.path))
        run = run_program(
            (str(self._program), *_ARGUMENTS, *named, "-"),
            "".join(file.document.lines).encode("utf-8", "replace"),
            variables=self._variables,
            limit_s=_LIMIT_S,
            background=file.background,
        )
        return await linted(self.name, run, findings_in)

    def close(self) -> None:
        """Nothing runs on."""


def findings_in(output: bytes) -> list[Finding]:
    """Return what a report of ruff's in JSON holds; anything else raises whatever it may."""
    return [_finding(row) for row in json.loads(output)]


def _finding(row: Mapping[str, Any]) -> Finding:
    code = row["code"] or SYNTAX_CODE
    diagnostic = Diagnostic(
        start=_point(row["location"]),
        end=_point(row["end_location"]),
        code=str(code),
        message=str(row["message"]),
        source="ruff",
        severity=ERROR if code == SYNTAX_CODE else WARNING,
    )
    return Finding(diagnostic=diagnostic, fix=_fix(row.get("fix")))


def _fix(fix: Mapping[str, Any] | None) -> Candidate | None:
    """Return a fix that ruff calls safe or unsafe (it is verified), not one it only displays."""
    if fix is None or fix["applicability"] not in {"safe", "unsafe"}:
        return None
    changes = tuple(
        Change(
            start=_point(edit["location"]),
            end=_point(edit["end_location"]),
            text=edit["content"].replace("\r\n", "\n").replace("\r", "\n"),
        )
        for edit in fix["edits"]
    )
    return Candidate(title=str(fix["message"]), changes=changes, origin=Origin.CHECKER)


def _point(location: Mapping[str, int]) -> Point:
    return Point(int(location["row"]) - 1, int(location["column"]) - 1)
