"""The command that explains a stack trace: which call of the workspace failed, what fixes it."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from lsp_server.features.workspace_edits import workspace_edit
from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.explanation import document_at, explain, fixes_for
from lsp_server.fixes.stack_trace import Frame
from lsp_server.fixes.whole_file import Fixed
from lsp_server.protocol import REQUEST_FAILED, converter
from lsp_server.server import MixlineServer

COMMAND: Final = "mixline.explain"
_MOST_CHARACTERS: Final = 4_000_000


def register(server: MixlineServer) -> None:
    """Offer the command."""

    async def explain_trace(*arguments: Any) -> dict[str, Any] | None:  # noqa: ANN401 - any JSON
        return await _explain(server, arguments)

    server.command(COMMAND)(explain_trace)


async def _explain(server: MixlineServer, arguments: tuple[Any, ...]) -> dict[str, Any] | None:
    """Return what is said of a trace, None where the text holds none."""
    given = arguments[0] if len(arguments) == 1 else None
    text = given.get("trace") if isinstance(given, Mapping) else None
    if not isinstance(text, str):
        raise JsonRpcInvalidParams("expected one object with trace, a string")
    folders = server.session.folders
    if not folders:
        raise JsonRpcException(
            code=REQUEST_FAILED, message="expected an open folder, whose files the trace may name"
        )
    explanation = await asyncio.to_thread(explain, text[-_MOST_CHARACTERS:], folders)
    if explanation is None:
        return None
    file = None if explanation.failing is None else await _file(server, explanation.failing)
    found: list[Fixed] = []
    if file is not None:
        around = server.session.surroundings(file)
        found = await fixes_for(explanation, file, server.toolbox, around)
    return {
        "error": explanation.trace.error,
        "message": explanation.trace.message,
        "explanation": explanation.text,
        "frames": [
            {"uri": server.session.uri_of(one.path), "line": one.line, "function": one.function}
            for one in explanation.frames
        ],
        "fixes": [_plain(server, one) for one in found],
    }


async def _file(server: MixlineServer, frame: Frame) -> CheckedFile | None:
    """Return a frame's file as the client has it, or as it is on disk; None if it is a secret."""
    document = server.session.document(server.session.uri_of(frame.path))
    if document is None:
        document = await asyncio.to_thread(document_at, frame.path)
    file = None if document is None else server.session.to_check_text(document)
    return None if file is None else replace(file, background=False)


def _plain(server: MixlineServer, fixed: Fixed) -> dict[str, Any]:
    edit = workspace_edit(server, fixed.document, fixed.fix.candidate)
    return {
        "title": fixed.fix.title,
        "verifiedBy": fixed.fix.by or None,
        "edit": converter().unstructure(edit),
    }
