"""LSP's diagnostics, as a server sends them, to a report."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final

from lsp_server.document import Document
from lsp_server.fixes.checkers.checker import MAX_FINDINGS, Finding, Report, failed
from lsp_server.fixes.checkers.server_process import LanguageServerError
from lsp_server.fixes.diagnostic import ERROR, Diagnostic
from lsp_server.positions import PositionEncoding

_HINT: Final = 4  # greyed-out code; no complaint


async def report_of(
    answer: Awaitable[Sequence[Mapping[str, Any]]], document: Document, source: str
) -> Report:
    """Wait for diagnostics in utf-16 and return them; a report of the problem if none come.

    Args:
        answer: gives them, or raises LanguageServerError.
        document: that they are about.
        source: the checker's name.
    """
    try:
        diagnostics = [_diagnostic(item, document, source) for item in await answer]
    except LanguageServerError as error:
        return failed(source, str(error))
    except (KeyError, TypeError, ValueError, AttributeError):
        return failed(source, "its diagnostics are none of LSP's")
    if len(diagnostics) > MAX_FINDINGS:
        return failed(source, f"it has more than {MAX_FINDINGS} findings")
    found = (Finding(diagnostic=one) for one in diagnostics if one.severity != _HINT)
    return Report(findings=tuple(found))


def _diagnostic(item: Mapping[str, Any], document: Document, source: str) -> Diagnostic:
    start, end = item["range"]["start"], item["range"]["end"]
    utf16 = PositionEncoding.UTF16
    return Diagnostic(
        start=document.point(start["line"], start["character"], utf16),
        end=document.point(end["line"], end["character"], utf16),
        code=str(item.get("code", "")),
        message=str(item["message"]),
        source=source,
        severity=int(item.get("severity", ERROR)),
    )
