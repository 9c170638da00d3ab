"""What ruff and basedpyright say of files: asked in one run each, outside the language server."""

import json
import re
import shutil
import subprocess
import sysconfig
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from evaluation.errors import DataError
from evaluation.fixes.copies import RULES
from evaluation.fixes.kinds import Checker

_TAG: Final = re.compile(r"_mixline_[a-z]?\d+\b")  # of copies, whose modules messages name
_LIMIT_S: Final = 900.0


class Report(NamedTuple):
    """One diagnostic; line and columns count characters from 0, the end is behind it."""

    line: int
    column: int
    end_line: int
    end_column: int
    code: str
    message: str
    is_error: bool


def installed(checker: Checker) -> Path | None:
    """Return the checker beside this interpreter, or on PATH."""
    found = shutil.which(checker.value, path=sysconfig.get_path("scripts"))
    found = found or shutil.which(checker.value)
    return None if found is None else Path(found)


def reports(checker: Checker, folder: Path, paths: Sequence[str]) -> dict[str, list[Report]]:
    """Return what a checker says of files below a folder, by their paths there, in order.

    Raises:
        DataError: it is not installed, or fails.
    """
    program = installed(checker)
    if program is None:
        raise DataError(f"expected {checker} beside Python or on PATH, found none; install it")
    if not paths:
        return {}
    arguments = (
        [
            *("check", "--isolated", "--no-cache", "--quiet", "--exit-zero"),
            *("--select", ",".join(RULES), "--output-format", "json"),
        ]
        if checker is Checker.RUFF
        else ["--outputjson"]
    )
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            [program, *arguments, *paths],
            cwd=folder,
            capture_output=True,
            check=False,
            text=True,
            timeout=_LIMIT_S,
        )
        rows = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise DataError(f"expected {checker} to check {folder}, it failed: {error}") from error
    found: dict[str, list[Report]] = {path: [] for path in paths}
    root = folder.resolve()
    parsed = map(_of_ruff, rows) if checker is Checker.RUFF else map(_of_pyright, _general(rows))
    for name, report in parsed:
        path = Path(name).resolve().relative_to(root).as_posix()
        if path in found:
            found[path].append(report)
    return {path: sorted(reports) for path, reports in found.items()}


def new_reports(before: Sequence[Report], after: Sequence[Report]) -> list[Report]:
    """Return the reports of `after` that `before` has not, wherever they stand."""
    known = Counter((report.code, report.message) for report in before)
    new = []
    for report in after:
        key = report.code, report.message
        if known[key]:
            known[key] -= 1
        else:
            new.append(report)
    return new


def _general(rows: dict[str, list[dict[str, object]]]) -> list[dict[str, object]]:
    return [row for row in rows["generalDiagnostics"] if row["severity"] != "information"]


def _of_ruff(row: dict) -> tuple[str, Report]:  # type: ignore[type-arg]
    start, end = row["location"], row["end_location"]
    report = Report(
        line=start["row"] - 1,
        column=start["column"] - 1,
        end_line=end["row"] - 1,
        end_column=end["column"] - 1,
        code=row["code"] or "invalid-syntax",
        message=row["message"],
        is_error=True,
    )
    return row["filename"], report


def _of_pyright(row: dict) -> tuple[str, Report]:  # type: ignore[type-arg]
    start, end = row["range"]["start"], row["range"]["end"]
    report = Report(
        line=start["line"],
        column=start["character"],
        end_line=end["line"],
        end_column=end["character"],
        code=row.get("rule", ""),
        message=_TAG.sub("", row["message"]),
        is_error=row["severity"] == "error",
    )
    return row["file"], report
