"""Docstrings in an editor: code actions, a command, hints, and ghost text behind opening quotes."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from inference import MixlineError
from lsp_server.docstrings.after_quotes import after_quotes, is_behind_quotes
from lsp_server.docstrings.comments.proposal import begins_line, propose_comment
from lsp_server.docstrings.drafting import draft
from lsp_server.docstrings.facts import Facts, FunctionFacts, ModuleFacts
from lsp_server.docstrings.habits import ProjectHabits
from lsp_server.docstrings.languages import PYTHON, described_grammar
from lsp_server.docstrings.linters import Linters
from lsp_server.docstrings.same_code import same_code
from lsp_server.docstrings.watching import is_python
from lsp_server.document import Document, Point
from lsp_server.features.asking import line_range
from lsp_server.features.docstring_writing import edit_of, write_for
from lsp_server.features.workspace_edits import workspace_edit
from lsp_server.fixes.candidate import Candidate, Change, Origin
from lsp_server.protocol import CONTENT_MODIFIED, REQUEST_FAILED
from lsp_server.server import MixlineServer
from lsp_server.session import Place

KIND: Final = "refactor.rewrite.mixline.docstring"
FIX_KIND: Final = "quickfix.mixline.docstring"
COMMAND: Final = "mixline.docstring"


def register(server: MixlineServer) -> None:
    """Offer the command; the code actions are part of the menu in `code_action`."""

    async def write(*arguments: Any) -> dict[str, Any] | None:  # noqa: ANN401 - any JSON
        return await _write(server, arguments)

    server.command(COMMAND)(write)


def docstring_actions(
    server: MixlineServer, params: types.CodeActionParams, *, later: bool
) -> list[types.CodeAction]:
    """Return what can be done about the docstring of the function or class under the cursor.

    Args:
        server: whose document it is.
        params: the client's question.
        later: the edit is made by `write_docstring`, once the client resolves the action.
    """
    file = server.session.to_check(params.text_document.uri)
    if file is None or described_grammar(file.document) is None:
        return []
    document = file.document
    actions = []
    start, end = params.range.start.line, params.range.end.line
    if is_wanted(FIX_KIND, params.context.only):
        for one in server.docstrings.stale(document):
            span = one.facts.span
            if span.start.line <= end and start <= span.end.line and one.change is not None:
                title = f"Bring the docstring of `{one.facts.name}` up to date"
                actions.append(_action(server, document, title, FIX_KIND, one.change))
    if start == end and is_wanted(KIND, params.context.only):
        module = server.docstrings.facts_at_hand(document)
        facts = None if module is None else _definition(server, document, start)
        if facts is not None and module is not None and _lacks(document, facts):
            kind = "docstring" if is_python(document) else "comment"
            title = f"Write the {kind} of `{facts.name}`"
            if later:
                data = {"uri": document.uri, "version": document.version, "docstring": start}
                actions.append(types.CodeAction(title=title, kind=KIND, data=data))
            else:
                habits = server.docstrings.habits(document.uri)
                change = _plain_change(document, module, facts, habits)
                if change is not None:
                    actions.append(_action(server, document, title, KIND, change))
    return actions


def is_docstring_to_write(action: types.CodeAction) -> bool:
    """Tell whether an action is one whose edit `write_docstring` makes."""
    return isinstance(action.data, Mapping) and isinstance(action.data.get("docstring"), int)


async def write_docstring(server: MixlineServer, action: types.CodeAction) -> types.CodeAction:
    """Return the action with its edit.

    Raises:
        JsonRpcException: the document has changed, or no docstring passes its proof.
    """
    given: Any = action.data
    document = server.session.document(str(given.get("uri")))
    if document is None or document.version != given.get("version"):
        raise JsonRpcException(
            code=CONTENT_MODIFIED, message="the document has changed since the menu was made"
        )
    facts = _definition(server, document, given["docstring"])
    module = server.docstrings.facts(document)
    if facts is None or module is None or facts.span.docstring is not None:
        raise JsonRpcInvalidParams("expected the line of a definition without a docstring")
    file = server.session.to_check_text(document)
    if file is None:
        raise JsonRpcInvalidParams("expected a document for which docstrings are offered")
    none = Linters(around=server.session.surroundings(file), ruff=None, has_pydoclint=False)
    proposal = await write_for(server, file, module, facts, none)
    action.edit = edit_of(server, file, proposal)
    return action


def behind_quotes(server: MixlineServer, place: Place) -> types.InlineCompletionItem | None:
    """Return the docstring that belongs behind the quotes at the cursor."""
    document, cursor = place.document, place.cursor
    if not is_python(document) or not is_behind_quotes(document, cursor):
        return None
    found = after_quotes(document, cursor, server.docstrings.habits(document.uri))
    if found is None:
        return None
    column = cursor.column
    return types.InlineCompletionItem(
        insert_text=found.text, range=line_range(place, column, column + found.absorbed)
    )


def is_wanted(kind: str, only: Iterable[Any] | None) -> bool:
    """Tell whether a client wants actions of a kind."""
    if only is None:
        return True
    kinds = [getattr(one, "value", one) for one in only]
    return any(not one or f"{kind}.".startswith(f"{one}.") for one in kinds)


def _lacks(document: Document, facts: Facts) -> bool:
    if facts.span.docstring is not None:
        return False
    return (
        not isinstance(facts, FunctionFacts) or is_python(document) or begins_line(document, facts)
    )


def _definition(server: MixlineServer, document: Document, line: int) -> Facts | None:
    module = server.docstrings.facts(document)
    if module is None or not 0 <= line < len(document.lines):
        return None
    text = document.line(line)
    return module.around(Point(line, len(text) - len(text.lstrip())))


def _plain_change(
    document: Document, module: ModuleFacts, facts: Facts, habits: ProjectHabits
) -> Change | None:
    """Return the docstring of a definition, proved but for the linters."""
    grammar = described_grammar(document)
    try:
        if grammar is not None and grammar != PYTHON and isinstance(facts, FunctionFacts):
            return propose_comment(document, module, facts, grammar).change
        drafted = draft(document, module, facts, habits)
    except MixlineError:
        return None
    if not same_code(document.text(), drafted.applied().text()):
        return None
    return drafted.change


def _action(
    server: MixlineServer, document: Document, title: str, kind: str, change: Change
) -> types.CodeAction:
    return types.CodeAction(title=title, kind=kind, edit=_edit(server, document, change))


def _edit(server: MixlineServer, document: Document, change: Change) -> types.WorkspaceEdit:
    candidate = Candidate(title="", changes=(change,), origin=Origin.ENUMERATED)
    return workspace_edit(server, document, candidate)


async def _write(server: MixlineServer, arguments: tuple[Any, ...]) -> dict[str, Any] | None:
    """Write a docstring after all checks, the linters' included, and apply it in the editor."""
    given = arguments[0] if len(arguments) == 1 else None
    try:
        uri, line = str(given["uri"]), int(given["line"])  # type: ignore[index]
    except (TypeError, KeyError, ValueError):
        raise JsonRpcInvalidParams("expected one object with uri and line, from 0") from None
    file = server.session.to_check(uri)
    if file is None or described_grammar(file.document) is None:
        raise JsonRpcInvalidParams(
            "expected the URI of an open document in Python, JavaScript, TypeScript, Rust, Go,"
            " Java, C or C++"
        )
    document = file.document
    facts, module = _definition(server, document, line), server.docstrings.facts(document)
    if facts is None or module is None:
        raise JsonRpcException(
            code=REQUEST_FAILED, message="expected a function or class around this line, found none"
        )
    linters = await asyncio.to_thread(Linters.find, server.session.surroundings(file))
    proposal = await write_for(server, file, module, facts, linters)
    if server.session.document(uri) is not document:
        raise JsonRpcException(
            code=REQUEST_FAILED, message="the document has changed in the meantime; ask again"
        )
    # What the client answers changes nothing here, and not every client does.
    server.workspace_apply_edit(
        types.ApplyWorkspaceEditParams(
            label="Mixline: docstring", edit=edit_of(server, file, proposal)
        )
    )
    return {"style": proposal.style.value}
