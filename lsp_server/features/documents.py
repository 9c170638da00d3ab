"""textDocument/didOpen, didChange, didClose: the documents as the client has them."""

import logging
from collections.abc import Sequence

from lsprotocol import types

from lsp_server.document import Document, Edit, Point, split_lines
from lsp_server.server import MixlineServer

_log = logging.getLogger(__name__)


def register(server: MixlineServer) -> None:
    """Let the server follow documents."""

    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        open_document(server, params.text_document)

    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        document = params.text_document
        change_document(server, document.uri, document.version, params.content_changes)

    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        close_document(server, params.text_document.uri)

    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        server.session.saved(params.text_document.uri)
        server.docstrings.saved()

    server.feature(types.TEXT_DOCUMENT_DID_OPEN)(did_open)
    server.feature(types.TEXT_DOCUMENT_DID_CHANGE)(did_change)
    server.feature(types.TEXT_DOCUMENT_DID_CLOSE)(did_close)
    server.feature(types.TEXT_DOCUMENT_DID_SAVE)(did_save)


def open_document(server: MixlineServer, item: types.TextDocumentItem) -> None:
    """Take over a document, or a cell, that the client has opened."""
    server.scheduler.document_closed(item.uri)  # a second didOpen replaces the first
    server.history.closed(item.uri)
    server.session.open(
        Document.of_text(
            uri=item.uri, version=item.version, language=str(item.language_id), text=item.text
        )
    )
    server.read_ahead.touched(item.uri)
    server.fixes.touched(item.uri)
    server.docstrings.touched(item.uri)
    server.syntax.touched(item.uri)


def change_document(
    server: MixlineServer,
    uri: str,
    version: int,
    changes: Sequence[types.TextDocumentContentChangeEvent],
) -> None:
    """Take over a document's next version."""
    document = server.session.document(uri)
    if document is None:
        _log.warning("a change of a document that is not open was ignored")
        return
    edits = []
    cursor = server.read_ahead.place(uri)
    for change in changes:
        typed = _end_of(server, document, change) if len(changes) == 1 else None
        before = document
        document, edit = _apply(server, before, change, version)
        server.history.edited(before, document, edit)
        edits.append(edit)
        cursor = typed or _moved(cursor, edit)
    server.session.edit(document, edits)
    server.alternatives.edited(uri)
    server.scheduler.document_changed(document, edits)
    server.read_ahead.touched(uri, cursor)
    server.fixes.touched(uri)
    server.docstrings.touched(uri)
    server.syntax.touched(uri)


def close_document(server: MixlineServer, uri: str) -> None:
    """Forget a document."""
    server.session.close(uri)
    server.fixes.forget(uri)
    server.docstrings.forget(uri)
    server.syntax.closed(uri)
    server.shown.closed(uri)
    server.alternatives.edited(uri)
    server.scheduler.document_closed(uri)
    server.history.closed(uri)


def _apply(
    server: MixlineServer,
    document: Document,
    change: types.TextDocumentContentChangeEvent,
    version: int,
) -> tuple[Document, Edit]:
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return document.replace_all(change.text, version)
    encoding = server.session.encoding
    start, end = change.range.start, change.range.end
    return document.replace(
        document.point(start.line, start.character, encoding),
        document.point(end.line, end.character, encoding),
        change.text,
        version,
    )


def _moved(cursor: Point | None, edit: Edit) -> Point | None:
    """Return where a cursor stands after an edit somewhere else."""
    if cursor is None or edit.end_line >= cursor.line:
        return cursor
    return Point(max(0, cursor.line + edit.line_delta), cursor.column)


def _end_of(
    server: MixlineServer, document: Document, change: types.TextDocumentContentChangeEvent
) -> Point | None:
    """Return where the text that a change inserts will end, None for a whole document."""
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return None
    start = document.point(
        change.range.start.line, change.range.start.character, server.session.encoding
    )
    *lines, last = split_lines(change.text)
    return Point(start.line + len(lines), len(last) + (0 if lines else start.column))
