"""textDocument/codeAction and its resolve: quick fixes that a checker has agreed with.

The menu is answered at once with what the search ahead has found by then; while a search for a
diagnostic of these lines is under way there is one action more, whose resolve waits for it.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server.document import Document
from lsp_server.features.docstring import KIND as DOCSTRING_KIND
from lsp_server.features.docstring import docstring_actions, is_docstring_to_write, write_docstring
from lsp_server.features.fix_progress import FixProgress
from lsp_server.features.workspace_edits import workspace_edit
from lsp_server.fixes.ahead import Search
from lsp_server.fixes.candidate import Origin
from lsp_server.fixes.diagnostic import ERROR, Diagnostic
from lsp_server.fixes.search import Found
from lsp_server.fixes.verification import Fix
from lsp_server.positions import PositionEncoding
from lsp_server.protocol import CONTENT_MODIFIED, answers_later
from lsp_server.server import MixlineServer, show_message

_log = logging.getLogger(__name__)
KIND: Final = "quickfix.mixline"
LOOK: Final = "Mixline: look for a verified fix"
_SHOWN_CHARACTERS: Final = 80
_REQUEST_CANCELLED: Final = -32800


def register(server: MixlineServer) -> None:
    """Offer quick fixes."""
    options = types.CodeActionOptions(
        code_action_kinds=[KIND, DOCSTRING_KIND], resolve_provider=True
    )

    def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        later = _can_resolve(server)
        return [*_menu(server, params), *docstring_actions(server, params, later=later)]

    @answers_later
    def resolve(action: types.CodeAction) -> Future[types.CodeAction]:
        if is_docstring_to_write(action):
            loop = asyncio.get_running_loop()
            return asyncio.run_coroutine_threadsafe(write_docstring(server, action), loop)
        return _resolve(server, action)

    server.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)(code_action)
    server.feature(types.CODE_ACTION_RESOLVE)(resolve)


def _menu(server: MixlineServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    uri, context = params.text_document.uri, params.context
    document = server.session.document(uri)
    if document is None or not _is_wanted(context.only):
        return []
    given = {_read(document, one, server.session.encoding): one for one in context.diagnostics}
    lines = range(params.range.start.line, params.range.end.line + 1)
    known_here = [
        (known, None if named is None else [given[named]])
        for known, named in server.fixes.at(uri, lines, given)
    ]
    actions: dict[tuple[str, ...], types.CodeAction] = {}
    for known, shown in known_here:
        for fix in () if known.found is None else known.found.fixes:
            action = _action(server, known, fix, shown)
            actions.setdefault(fix.edited.lines, action)  # two checkers may see one fault
    waiting = next((one for one in known_here if one[0].is_open), None)
    menu = list(actions.values())
    if waiting is not None and _can_resolve(server):
        menu.append(
            types.CodeAction(
                title=LOOK,
                kind=KIND,
                diagnostics=waiting[1],
                tags=_tags(server),
                data={"uri": uri, "version": document.version, "search": waiting[0].number},
            )
        )
    return menu


def _resolve(server: MixlineServer, action: types.CodeAction) -> Future[types.CodeAction]:
    answer: Future[types.CodeAction] = Future()
    number = action.data.get("search") if isinstance(action.data, Mapping) else None
    if action.edit is not None or not isinstance(number, int):
        answer.set_result(action)
        return answer
    known = server.fixes.numbered(number)
    if known is None:
        raise JsonRpcException(
            code=CONTENT_MODIFIED, message="the document has changed since the menu was made"
        )
    known.is_awaited = True
    task = server.fixes.start(known) if known.is_open else None
    if task is None:
        _answer(server, action, known, answer)
        return answer
    progress = FixProgress(server, lambda: server.fixes.give_up(known))

    def over(done: asyncio.Task[Found]) -> None:
        progress.end()
        if answer.cancelled():
            return
        if done.cancelled():
            gone = server.fixes.numbered(known.number) is None
            answer.set_exception(
                JsonRpcException(
                    code=CONTENT_MODIFIED if gone else _REQUEST_CANCELLED,
                    message="the search was ended",
                )
            )
            return
        _answer(server, action, known, answer)

    def withdraw(done: Future[types.CodeAction]) -> None:
        if done.cancelled():
            server.fixes.give_up(known)

    answer.add_done_callback(withdraw)
    task.add_done_callback(over)
    return answer


def _answer(
    server: MixlineServer, action: types.CodeAction, known: Search, answer: Future[types.CodeAction]
) -> None:
    fixes = known.found.fixes if known.found is not None else ()
    if fixes:
        action.edit = workspace_edit(server, known.document, fixes[0].candidate)
    else:
        message = " ".join(known.diagnostic.message.split())
        if len(message) > _SHOWN_CHARACTERS:
            message = message[:_SHOWN_CHARACTERS] + "..."
        text = f"Mixline has found no fix that removes this and adds nothing: {message}"
        show_message(server, types.MessageType.Info, text)
    answer.set_result(action)


def _action(
    server: MixlineServer, known: Search, fix: Fix, shown: list[types.Diagnostic] | None
) -> types.CodeAction:
    is_model = fix.candidate.origin is not Origin.CHECKER  # which has at least put it in its order
    return types.CodeAction(
        title=fix.title,
        kind=KIND,
        diagnostics=shown,
        edit=workspace_edit(server, known.document, fix.candidate),
        tags=_tags(server) if is_model else None,
    )


def _read(document: Document, given: types.Diagnostic, encoding: PositionEncoding) -> Diagnostic:
    start, end = given.range.start, given.range.end
    return Diagnostic(
        start=document.point(start.line, start.character, encoding),
        end=document.point(end.line, end.character, encoding),
        code="" if given.code is None else str(given.code),
        message=given.message,
        source=given.source or "",
        severity=ERROR if given.severity is None else int(given.severity),
    )


def _is_wanted(only: Iterable[Any] | None) -> bool:
    if only is None:
        return True
    kinds = [getattr(kind, "value", kind) for kind in only]
    return any(not kind or f"{KIND}.".startswith(f"{kind}.") for kind in kinds)


def _can_resolve(server: MixlineServer) -> bool:
    document = server.client_capabilities.text_document
    action = document.code_action if document is not None else None
    resolve = action.resolve_support if action is not None else None
    return resolve is not None and "edit" in resolve.properties


def _tags(server: MixlineServer) -> list[types.CodeActionTag] | None:
    document = server.client_capabilities.text_document
    action = document.code_action if document is not None else None
    support = action.tag_support if action is not None else None
    generated = types.CodeActionTag.LlmGenerated
    return [generated] if support is not None and generated in support.value_set else None
