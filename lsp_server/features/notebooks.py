"""notebookDocument/didOpen, didChange, didClose: cells are documents in an order."""

import logging

from lsprotocol import types

from lsp_server.features.documents import change_document, close_document, open_document
from lsp_server.server import MixlineServer

_log = logging.getLogger(__name__)


def register(server: MixlineServer) -> None:
    """Let the server follow notebooks."""
    notebooks = server.session.notebooks

    def did_open(params: types.DidOpenNotebookDocumentParams) -> None:
        notebook = params.notebook_document
        notebooks.open(notebook.uri, [cell.document for cell in notebook.cells])
        for item in params.cell_text_documents:
            open_document(server, item)

    def did_change(params: types.DidChangeNotebookDocumentParams) -> None:
        cells = params.change.cells
        if cells is None:
            return
        if cells.structure is not None:
            _restructure(server, params.notebook_document.uri, cells.structure)
        for content in cells.text_content or ():
            uri = content.document.uri
            change_document(server, uri, content.document.version, content.changes)
            _forget(server, notebooks.later(uri))

    def did_close(params: types.DidCloseNotebookDocumentParams) -> None:
        notebooks.close(params.notebook_document.uri)
        for item in params.cell_text_documents:
            close_document(server, item.uri)

    server.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)(did_open)
    server.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)(did_change)
    server.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)(did_close)


def _restructure(
    server: MixlineServer, notebook: str, change: types.NotebookDocumentCellChangeStructure
) -> None:
    array = change.array
    cells = [cell.document for cell in array.cells or ()]
    if not server.session.notebooks.splice(notebook, array.start, array.delete_count, cells):
        _log.warning("a change of a notebook that is not open was ignored")
        return
    for item in change.did_open or ():
        open_document(server, item)
    for closed in change.did_close or ():
        close_document(server, closed.uri)
    _forget(server, server.session.notebooks.cells(notebook)[array.start :])


def _forget(server: MixlineServer, cells: tuple[str, ...]) -> None:
    """Drop what was made for cells when those before them were others."""
    for uri in cells:
        server.scheduler.document_closed(uri)
