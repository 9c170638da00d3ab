"""textDocument/inlineCompletion: ghost text, while typing (Automatic) and on demand (Invoked)."""

from concurrent.futures import Future

from lsprotocol import types

from lsp_server.features.asking import Manner, ask, line_range, look, refuse
from lsp_server.features.docstring import behind_quotes
from lsp_server.features.history import accept_command
from lsp_server.postprocess.overlap import Insertion, is_subsequence
from lsp_server.postprocess.reject import RejectReason
from lsp_server.protocol import answers_later
from lsp_server.query import Outcome
from lsp_server.server import MixlineServer
from lsp_server.session import Place
from lsp_server.syntax.guard import Entry

_METHOD = types.TEXT_DOCUMENT_INLINE_COMPLETION


def register(server: MixlineServer) -> None:
    """Offer ghost text; without the options object pygls would not advertise it."""

    @answers_later
    def inline_completion(
        params: types.InlineCompletionParams,
    ) -> Future[types.InlineCompletionList]:
        uri = params.text_document.uri
        if (written := _docstring(server, params)) is not None:
            return written
        place = look(server, _METHOD, uri, params.position)
        if isinstance(place, RejectReason):
            return refuse(server, place, _nothing)
        selected = params.context.selected_completion_info
        entry = None if selected is None else entry_at(place, selected)
        if isinstance(entry, RejectReason):
            return refuse(server, entry, _nothing)
        explicit = params.context.trigger_kind is types.InlineCompletionTriggerKind.Invoked
        manner = Manner(
            method=_METHOD,
            explicit=explicit,
            answer_within_ms=None if explicit else place.settings.answer_within_ms,
            announce=True,
        )

        def render(outcome: Outcome) -> types.InlineCompletionList:
            return _render(place, entry, outcome, accept_command(server, uri))

        def render_all(items: tuple[Insertion, ...]) -> types.InlineCompletionList:
            rendered = [item for one in items for item in render(one).items]
            return types.InlineCompletionList(items=rendered)

        return ask(server, place, manner, entry, render, render_all)

    server.feature(_METHOD, types.InlineCompletionOptions())(inline_completion)


def _docstring(
    server: MixlineServer, params: types.InlineCompletionParams
) -> Future[types.InlineCompletionList] | None:
    """Return the docstring behind quotes just opened, which needs no model; None elsewhere."""
    uri, position = params.text_document.uri, params.position
    place = server.session.look(uri, position.line, position.character)
    item = None if isinstance(place, RejectReason) else behind_quotes(server, place)
    if item is None:
        return None
    server.scheduler.supersede(uri, _METHOD)
    server.alternatives.stop()
    answer: Future[types.InlineCompletionList] = Future()
    answer.set_result(types.InlineCompletionList(items=[item]))
    return answer


def entry_at(place: Place, selected: types.SelectedCompletionInfo) -> Entry | RejectReason:
    """Return the selected entry, if a suggestion can continue it where the cursor stands."""
    start = place.document.point(
        selected.range.start.line, selected.range.start.character, place.encoding
    )
    end = place.document.point(
        selected.range.end.line, selected.range.end.character, place.encoding
    )
    on_line = start.line == end.line == place.cursor.line
    if not on_line or not start.column <= place.cursor.column <= end.column:
        return RejectReason.NOT_IN_ENTRY
    old = place.document.line(start.line)[start.column : end.column]
    if not is_subsequence(old, selected.text):
        return RejectReason.NOT_IN_ENTRY  # the editor would hide it
    return Entry(start=start.column, end=end.column, text=selected.text)


def _render(
    place: Place, entry: Entry | None, outcome: Outcome, command: types.Command | None
) -> types.InlineCompletionList:
    if not isinstance(outcome, Insertion):
        return _nothing(outcome)
    column = place.cursor.column
    start, end, before = (entry.start, entry.end, entry.text) if entry else (column, column, "")
    item = types.InlineCompletionItem(
        insert_text=before + outcome.text,
        range=line_range(place, start, end + outcome.absorbed),
        command=command,
    )
    return types.InlineCompletionList(items=[item])


def _nothing(_: Outcome) -> types.InlineCompletionList:
    # Never null: Neovim would leave an older suggestion standing.
    return types.InlineCompletionList(items=[])
