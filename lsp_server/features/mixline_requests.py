"""mixline/complete and mixline/status: our own requests, for scripts, tests and status bars."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from lsp_server.completion import CompletionReport, build_request, refusal, report
from lsp_server.features.asking import look
from lsp_server.postprocess.judge import Gate
from lsp_server.postprocess.reject import RejectReason
from lsp_server.protocol import REQUEST_FAILED, answers_later
from lsp_server.server import MixlineServer
from lsp_server.session import Place
from lsp_server.syntax.guard import SyntaxGuard
from lsp_server.syntax.imports import with_imported_names

COMPLETE = "mixline/complete"
STATUS = "mixline/status"
# Not `object`: pygls hands itself to handlers whose first parameter could be a server.
Wire = Mapping[str, Any] | None
_MAX_UINTEGER = 2**31 - 1


def register(server: MixlineServer) -> None:
    """Offer the requests."""

    @answers_later
    def complete(params: Wire) -> Future[dict[str, Any]]:
        asked = read_params(params)
        document = server.session.document(asked.uri)
        if document is None:
            raise JsonRpcInvalidParams("the document is not open; send textDocument/didOpen first")
        place = look(server, COMPLETE, asked.uri, asked.position)
        if not isinstance(place, RejectReason):
            return _complete(server, place, asked.max_tokens)
        encoding = server.session.encoding
        cursor = document.point(asked.position.line, asked.position.character, encoding)
        return _resolved(refusal(place, document=document, cursor=cursor, encoding=encoding))

    def status(_: Wire) -> dict[str, Any]:
        return status_of(server)

    server.feature(COMPLETE)(complete)
    server.feature(STATUS)(status)


def status_of(server: MixlineServer) -> dict[str, Any]:
    """Return the answer to `mixline/status`."""
    host = server.host.status
    engine = server.host.engine
    return {
        "state": host.state.value,
        "message": host.message,
        "model": None if engine is None else _plain(asdict(engine.info)),
        "engine": None if engine is None else _plain(asdict(engine.status())),
        "answers": dict(server.scheduler.outcomes),
        "reading_ahead": server.read_ahead.is_under_way,
        "trusted": server.session.trusted,
        "workspace": {
            "files": server.session.workspace.num_files,
            "bytes": server.session.workspace.num_bytes,
        },
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteParams:
    """The parameters of `mixline/complete`."""

    uri: str
    position: types.Position
    max_tokens: int | None


def read_params(params: object) -> CompleteParams:
    """Check the parameters of `mixline/complete`.

    Raises:
        JsonRpcInvalidParams: something is missing or of another kind.
    """
    given = params if isinstance(params, Mapping) else {}
    document, position = given.get("textDocument"), given.get("position")
    uri = document.get("uri") if isinstance(document, Mapping) else None
    if not isinstance(uri, str):
        raise JsonRpcInvalidParams("expected textDocument.uri, a string")
    line, character = (
        position.get(name) if isinstance(position, Mapping) else None
        for name in ("line", "character")
    )
    if not _is_count(line) or not _is_count(character):
        raise JsonRpcInvalidParams("expected position.line and position.character, from 0")
    max_tokens = given.get("maxTokens")
    if max_tokens is not None and not (_is_count(max_tokens) and max_tokens >= 1):
        raise JsonRpcInvalidParams("expected maxTokens to be an integer from 1")
    return CompleteParams(
        uri=uri,
        position=types.Position(line=line, character=character),
        max_tokens=max_tokens,
    )


def _complete(
    server: MixlineServer, place: Place, max_tokens: int | None
) -> Future[dict[str, Any]]:
    """Generate; a request that is cancelled takes its generation along, within one token."""
    engine = server.host.engine
    if engine is None:
        raise JsonRpcException(code=REQUEST_FAILED, message="the model is not loaded")
    syntax = SyntaxGuard(place.trees, place.document, place.cursor, place.path)
    request = build_request(
        document=place.document.uri,
        path=place.path,
        earlier=place.earlier,
        prefix=place.window.prefix,
        suffix=place.window.suffix,
        references=place.references(),
        workspace=place.workspace(),
        settings=place.settings,
        explicit=True,
        syntax=syntax,
        shown=place.shown,
        snippets=place.snippets,
        max_tokens=max_tokens,
    )
    server.scheduler.make_way()
    server.read_ahead.touched(place.document.uri, place.cursor)
    loop = asyncio.get_running_loop()
    answer: Future[dict[str, Any]] = Future()
    borders = syntax.borders(len(request.prefix))
    generation = engine.submit(with_imported_names(replace(request, borders=borders)))

    def finish() -> None:
        if answer.cancelled():
            return
        if (error := generation.future.exception()) is not None:
            answer.set_exception(JsonRpcException(code=REQUEST_FAILED, message=str(error)))
            return
        result = report(
            request,
            generation.future.result(),
            document=place.document,
            cursor=place.cursor,
            encoding=place.encoding,
            gate=Gate(minimum_confidence=place.settings.minimum_confidence),
            syntax=syntax,
        )
        answer.set_result(asdict(result))

    def wake(_: object) -> None:  # in the engine's thread
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish)

    def withdraw(done: Future[dict[str, Any]]) -> None:
        if done.cancelled():
            generation.cancel()

    answer.add_done_callback(withdraw)
    generation.future.add_done_callback(wake)
    return answer


def _resolved(result: CompletionReport) -> Future[dict[str, Any]]:
    answer: Future[dict[str, Any]] = Future()
    answer.set_result(asdict(result))
    return answer


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_UINTEGER


def _plain(value: object) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
