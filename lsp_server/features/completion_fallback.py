"""textDocument/completion for clients without inline completion: one entry, after all others."""

from concurrent.futures import Future

from lsprotocol import types

from lsp_server.features.asking import Manner, ask, line_range, look, refuse
from lsp_server.postprocess.overlap import Insertion
from lsp_server.postprocess.reject import RejectReason
from lsp_server.protocol import answers_later
from lsp_server.query import Outcome
from lsp_server.server import MixlineServer
from lsp_server.session import Place

_METHOD = types.TEXT_DOCUMENT_COMPLETION
_ANSWER_WITHIN_MS = 85.0  # of the 100 that a list may take
_TRIGGERS = (".", "(", "[", "{", "=", ",")
_LAST = "\uf8ff"  # sorts after every letter of the basic plane that labels begin with
_LABEL_CHARACTERS = 60


def register(server: MixlineServer) -> None:
    """Offer the fallback."""

    @answers_later
    def completion(params: types.CompletionParams) -> Future[types.CompletionList]:
        uri = params.text_document.uri
        place = look(server, _METHOD, uri, params.position)
        if isinstance(place, RejectReason):
            return refuse(server, place, _nothing)
        manner = Manner(
            method=_METHOD, explicit=False, answer_within_ms=_ANSWER_WITHIN_MS, announce=False
        )
        return ask(server, place, manner, None, lambda outcome: _render(place, outcome))

    options = types.CompletionOptions(trigger_characters=list(_TRIGGERS))
    server.feature(_METHOD, options)(completion)


def _render(place: Place, outcome: Outcome) -> types.CompletionList:
    if not isinstance(outcome, Insertion):
        return _nothing(outcome)
    # Clients filter by the word at the cursor, so the entry has to begin with it.
    start = word_start(place.document.line(place.cursor.line), place.cursor.column)
    text = place.document.line(place.cursor.line)[start : place.cursor.column] + outcome.text
    first_line = text.strip().split("\n", 1)[0]
    item = types.CompletionItem(
        label=first_line[:_LABEL_CHARACTERS],
        kind=types.CompletionItemKind.Text,
        detail="Mixline",
        sort_text=_LAST,
        filter_text=text.split("\n", 1)[0] or first_line,
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AsIs,
        text_edit=types.TextEdit(
            range=line_range(place, start, place.cursor.column + outcome.absorbed), new_text=text
        ),
    )
    return types.CompletionList(is_incomplete=True, items=[item])


def word_start(line: str, column: int) -> int:
    """Return where the word before the cursor begins."""
    start = column
    while start > 0 and (line[start - 1].isalnum() or line[start - 1] == "_"):
        start -= 1
    return start


def _nothing(_: Outcome) -> types.CompletionList:
    return types.CompletionList(is_incomplete=True, items=[])
