"""A candidate's changes as an edit of one version of its document."""

from lsprotocol import types

from lsp_server.document import Document
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.lsp_edits import text_edits
from lsp_server.server import MixlineServer


def workspace_edit(
    server: MixlineServer, document: Document, candidate: Candidate
) -> types.WorkspaceEdit:
    """Return an edit that names the version it is for, where the client can take one."""
    edits = text_edits(document, candidate, server.session.encoding)
    workspace = server.client_capabilities.workspace
    can = workspace.workspace_edit if workspace is not None else None
    if can is None or not can.document_changes:
        return types.WorkspaceEdit(changes={document.uri: edits})
    is_open = server.session.document(document.uri) is not None
    identifier = types.OptionalVersionedTextDocumentIdentifier(
        uri=document.uri, version=document.version if is_open else None
    )
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(text_document=identifier, edits=edits)]
    )
