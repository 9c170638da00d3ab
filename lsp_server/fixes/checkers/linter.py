"""A linter's run: a program that reads a text, prints a report and ends with 0 or 1."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from lsp_server.fixes.checkers.checker import MAX_FINDINGS, Finding, Report, failed
from lsp_server.fixes.checkers.process import Ended

Read = Callable[[bytes], Sequence[Finding]]
"""Returns the findings of a report; may raise whatever reading foreign data raises."""

_CLEAN: Final = 0
_COMPLAINS: Final = 1


async def linted(name: str, run: Awaitable[Ended], read: Read) -> Report:
    """Return what a linter's run has found; every way to fail is a report of that problem."""
    ended = await run
    if ended.problem:
        return failed(name, ended.problem)
    if ended.status not in {_CLEAN, _COMPLAINS}:
        return failed(name, f"it ended with status {ended.status}")
    try:
        found = read(ended.output)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return failed(name, f"its report is not {name}'s JSON")
    if len(found) > MAX_FINDINGS:
        return failed(name, f"it has more than {MAX_FINDINGS} findings")
    return Report(findings=tuple(found))
