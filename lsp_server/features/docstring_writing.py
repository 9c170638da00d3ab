"""Writes one docstring for a client that waits: progress, its button, the model if it is to write.

Cancelling the request or pressing the button ends the model's work within one token.
"""

import asyncio

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from inference import MixlineError
from lsp_server.docstrings.facts import Facts, ModuleFacts
from lsp_server.docstrings.filling import Model
from lsp_server.docstrings.linters import Linters
from lsp_server.docstrings.proposal import Proposal, propose
from lsp_server.features.fix_progress import FixProgress
from lsp_server.features.workspace_edits import workspace_edit
from lsp_server.fixes.candidate import Candidate, Origin
from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.lsp_edits import text_edits
from lsp_server.protocol import REQUEST_FAILED
from lsp_server.server import MixlineServer
from lsp_server.settings import DocstringWords, UnsureWords

_REQUEST_CANCELLED = -32800
_TITLE = "Mixline: writing a docstring"


async def write_for(
    server: MixlineServer, file: CheckedFile, module: ModuleFacts, facts: Facts, linters: Linters
) -> Proposal:
    """Return the docstring of a definition, by the client's settings.

    Raises:
        JsonRpcException: no docstring passes its proof, the model failed, or the user has ended it.
    """
    work: asyncio.Task[Proposal] | None = None
    pressed = False

    def cancel() -> None:
        nonlocal pressed
        pressed = True
        if work is not None:
            work.cancel()

    progress = FixProgress(server, cancel, _TITLE)
    habits = server.docstrings.habits(file.document.uri)
    model = _model(server, file)
    work = asyncio.ensure_future(
        propose(
            file.document,
            module,
            facts,
            habits,
            linters,
            model=model,
            on_slot=progress.report,
        )
    )
    try:
        return await work
    except asyncio.CancelledError:
        if pressed:
            raise JsonRpcException(
                code=_REQUEST_CANCELLED, message="the docstring was given up"
            ) from None
        raise
    except MixlineError as error:
        raise JsonRpcException(code=REQUEST_FAILED, message=str(error)) from error
    finally:
        progress.end()


def edit_of(server: MixlineServer, file: CheckedFile, proposal: Proposal) -> types.WorkspaceEdit:
    """Return the edit, with placeholders where the client and its settings want them."""
    document = file.document
    wanted = server.session.settings.docstring_unsure is UnsureWords.PLACEHOLDER
    if wanted and proposal.snippet is not None and _takes_snippets(server):
        candidate = Candidate(title="", changes=(proposal.snippet,), origin=Origin.ENUMERATED)
        (edit,) = text_edits(document, candidate, server.session.encoding)
        snippet = types.SnippetTextEdit(
            range=edit.range, snippet=types.StringValue(value=edit.new_text)
        )
        identifier = types.OptionalVersionedTextDocumentIdentifier(
            uri=document.uri, version=document.version
        )
        return types.WorkspaceEdit(
            document_changes=[types.TextDocumentEdit(text_document=identifier, edits=[snippet])]
        )
    candidate = Candidate(title="", changes=(proposal.change,), origin=Origin.ENUMERATED)
    return workspace_edit(server, document, candidate)


def _takes_snippets(server: MixlineServer) -> bool:
    workspace = server.client_capabilities.workspace
    can = workspace.workspace_edit if workspace is not None else None
    return can is not None and bool(can.document_changes) and bool(can.snippet_edit_support)


def _model(server: MixlineServer, file: CheckedFile) -> Model | None:
    """Return the model if it is to write and has been loaded."""
    engine = server.host.engine
    if engine is None or server.session.settings.docstring_words is not DocstringWords.MODEL:
        return None
    path = file.path
    if path is not None and file.folder is not None and path.is_relative_to(file.folder):
        shown = path.relative_to(file.folder).as_posix()
    else:
        shown = file.document.uri.rpartition("/")[2]
    return Model(engine=engine, path=shown, effort=server.session.settings.effort)
