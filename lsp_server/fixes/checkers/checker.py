"""What a checker is given, what it says, and what all checkers have in common."""

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from lsp_server.document import Document
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.diagnostic import Diagnostic

_log = logging.getLogger(__name__)
MAX_FINDINGS: Final = 5000
"""A file with more complaints is not compared with anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """A text to be checked as if it stood at a place on disk."""

    document: Document
    path: Path | None  # where its file is or would be; None for a text that has no place
    folder: Path | None = None  # the workspace folder around it
    others: Mapping[Path, Document] = field(default_factory=dict)  # other unsaved buffers
    background: bool = False  # nobody waits for it: leave the processor to others


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A complaint, with the checker's own fix for it."""

    diagnostic: Diagnostic
    fix: Candidate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one run of a checker says."""

    findings: tuple[Finding, ...] = ()
    problem: str = ""  # why the run does not count; empty if it ended normally

    @property
    def ended_normally(self) -> bool:
        """Whether the findings are all that there is to say about the file."""
        return not self.problem


def failed(checker: str, problem: str) -> Report:
    """Return the report of a run that does not count, and say so in the log."""
    _log.warning("%s: %s; no fix counts as verified by this run", checker, problem)
    return Report(problem=problem)


async def untouched(checker: "Checker", file: CheckedFile, buffer: Document) -> Report:
    """Check a text, and see that the checker leaves its file alone.

    Args:
        checker: to be run.
        file: the text.
        buffer: what the editor has; a file that has become the same was saved at this moment.
    """
    before = _stamp(file.path)
    report = await checker.check(file)
    if file.path is None or _stamp(file.path) == before:
        return report
    text = "".join(buffer.lines).encode("utf-8", "replace")
    with contextlib.suppress(OSError):
        if file.path.read_bytes() == text:
            return report
    return failed(checker.name, "it has changed the file, or somebody has while it ran")


def _stamp(path: Path | None) -> tuple[int, int, int] | None:
    try:
        status = None if path is None else path.stat()
    except (OSError, ValueError):
        return None
    return None if status is None else (status.st_mtime_ns, status.st_size, status.st_ino)


class Checker(Protocol):
    """A checker of one workspace folder; runs may overlap."""

    @property
    def name(self) -> str:
        """What users call it: "ruff"."""

    def takes(self, document: Document) -> bool:
        """Tell whether it can say anything about such a document."""

    async def check(self, file: CheckedFile) -> Report:
        """Check a text; a cancelled run ends its processes before it raises.

        Nothing is raised for what a file or a checker may cause: the report names the problem.
        """

    def close(self) -> None:
        """End what runs on between two checks."""


@runtime_checkable
class Mender(Protocol):
    """A checker that tells its own fixes only when it is asked for them."""

    async def fixes(self, file: CheckedFile, diagnostic: Diagnostic) -> tuple[Candidate, ...]:
        """Return fixes of one of its findings, the likeliest first; nothing is raised."""
