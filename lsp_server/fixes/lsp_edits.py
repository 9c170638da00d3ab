"""Fixes and diagnostics in a client's units, as LSP writes them."""

from lsprotocol import types

from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Candidate, in_order
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.positions import PositionEncoding, units_of_index


def text_edits(
    document: Document, candidate: Candidate, encoding: PositionEncoding
) -> list[types.TextEdit]:
    """Return the changes of a candidate, from the top of its document down."""
    return [
        types.TextEdit(
            range=_range(document, change.start, change.end, encoding), new_text=change.text
        )
        for change in in_order(document, candidate.changes)
    ]


def lsp_diagnostic(
    document: Document, diagnostic: Diagnostic, encoding: PositionEncoding
) -> types.Diagnostic:
    """Return a diagnostic that may be published."""
    last = len(document.lines) - 1
    # A checker may count a line more than there is, behind the last line end.
    start, end = (
        point if point.line <= last else Point(last, len(document.line(last)))
        for point in (diagnostic.start, diagnostic.end)
    )
    return types.Diagnostic(
        range=_range(document, start, end, encoding),
        message=diagnostic.message,
        severity=types.DiagnosticSeverity(diagnostic.severity),
        code=diagnostic.code or None,
        source=diagnostic.source,
    )


def _range(document: Document, start: Point, end: Point, encoding: PositionEncoding) -> types.Range:
    return types.Range(
        start=_position(document, start, encoding), end=_position(document, end, encoding)
    )


def _position(document: Document, point: Point, encoding: PositionEncoding) -> types.Position:
    units = units_of_index(document.line(point.line), point.column, encoding)
    return types.Position(line=point.line, character=units)
