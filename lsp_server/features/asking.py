"""From a position of the client's to a question for the scheduler; shared by both completions."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from lsprotocol import types

from lsp_server.completion import build_request
from lsp_server.engine_host import EngineState
from lsp_server.positions import units_of_index
from lsp_server.postprocess.closers import hidden_closers
from lsp_server.postprocess.judge import may_ask
from lsp_server.postprocess.overlap import Insertion
from lsp_server.postprocess.reject import RejectReason
from lsp_server.query import Outcome, Query
from lsp_server.server import MixlineServer
from lsp_server.session import Place
from lsp_server.settings import MultiLine
from lsp_server.syntax.guard import Entry, SyntaxGuard

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a method asks."""

    method: str
    explicit: bool
    answer_within_ms: float | None
    announce: bool


def ask(
    server: MixlineServer,
    place: Place,
    manner: Manner,
    entry: Entry | None,
    render: Callable[[Outcome], _Answer],
    render_all: Callable[[tuple[Insertion, ...]], _Answer] | None = None,
) -> Future[_Answer]:
    """Put the question; the future is the answer to the client, cancelling it withdraws.

    Args:
        server: of the client.
        place: where.
        manner: how the method asks.
        entry: of the client's list, which the suggestion continues.
        render: makes the answer.
        render_all: likewise, of several suggestions; None if the method takes one.
    """
    answer: Future[_Answer] = Future()
    window = place.window
    prefix, suffix = window.prefix, window.suffix
    if entry is not None:
        prefix = prefix[: len(prefix) - (place.cursor.column - entry.start)] + entry.text
        suffix = suffix[entry.end - place.cursor.column :]
    syntax = SyntaxGuard(place.trees, place.document, place.cursor, place.path, entry)
    query = Query(
        method=manner.method,
        request=build_request(
            document=place.document.uri,
            path=place.path,
            earlier=place.earlier,
            prefix=prefix,
            suffix=suffix,
            settings=place.settings,
            explicit=manner.explicit,
            syntax=None,  # to parse takes longer than to find what stands there already
            shown=place.shown,
            snippets=place.snippets,
        ),
        references=place.references,
        workspace=place.workspace,
        document=place.document,
        cursor=place.cursor,
        window=window,
        closers=hidden_closers(suffix),
        explicit=manner.explicit,
        answer_within_ms=manner.answer_within_ms,
        afterlife_ms=place.settings.afterlife_ms,
        gate=server.history.gate(place.settings, place.document.language),
        syntax=syntax,
        several_lines=place.settings.multi_line is MultiLine.AUTO,
        announce=manner.announce,
        refused=None if manner.explicit else may_ask(suffix) or _unwanted(place, syntax),
    )
    server.read_ahead.touched(place.document.uri, place.cursor)

    def reply(outcome: Outcome) -> None:
        stands = server.alternatives.stands(query, outcome)
        if stands and query.explicit and render_all and isinstance(outcome, Insertion):
            server.alternatives.draw(query, outcome, reply_all)
        else:
            answer.set_result(render(outcome))

    def reply_all(items: tuple[Insertion, ...]) -> None:
        if render_all is not None and not answer.cancelled():
            answer.set_result(render_all(items))

    pending = server.scheduler.ask(query, reply)

    def withdraw(done: Future[_Answer]) -> None:
        if done.cancelled():
            server.scheduler.withdraw(pending)
            server.alternatives.stop()

    answer.add_done_callback(withdraw)
    return answer


def _unwanted(place: Place, syntax: SyntaxGuard) -> RejectReason | None:
    """Return why nothing is to be suggested at a place of this kind."""
    wanted = place.settings.comments_and_strings or not syntax.in_text
    return None if wanted else RejectReason.DISABLED


def look(
    server: MixlineServer, method: str, uri: str, position: types.Position
) -> Place | RejectReason:
    """Take a snapshot for a request that makes the method's older one obsolete."""
    server.scheduler.supersede(uri, method)
    server.alternatives.stop()
    if server.host.status.state is EngineState.LOADING:
        return RejectReason.LOADING
    if server.host.status.state is EngineState.FAILED:
        return RejectReason.FAILED
    return server.session.look(uri, position.line, position.character)


def refuse(
    server: MixlineServer, reason: RejectReason, render: Callable[[Outcome], _Answer]
) -> Future[_Answer]:
    """Answer at once that there is nothing."""
    server.scheduler.outcomes[reason.value] += 1
    answer: Future[_Answer] = Future()
    answer.set_result(render(reason))
    return answer


def line_range(place: Place, start: int, end: int) -> types.Range:
    """Return a range of the cursor's line, given in code points, in the client's units."""
    line = place.document.line(place.cursor.line)
    return types.Range(
        start=_position(place, line, start),
        end=_position(place, line, end),
    )


def _position(place: Place, line: str, column: int) -> types.Position:
    return types.Position(
        line=place.cursor.line, character=units_of_index(line, column, place.encoding)
    )
