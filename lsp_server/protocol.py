"""JSON-RPC for one client: pygls' protocol with exact cancelling, order of answers and errors.

Handlers run in the order in which messages arrive. One that cannot answer yet returns a
`concurrent.futures.Future`; whoever sets its result or cancels it sends the answer in that moment.
"""

import json
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from cattrs import Converter
from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import (
    JsonRPCNotification,
    JsonRPCRequestMessage,
    JsonRPCResponseMessage,
    LanguageServerProtocol,
    lsp_method,
)
from pygls.protocol import default_converter as pygls_converter

CONTENT_MODIFIED = -32801  # LSP 3.17: the document has changed under the request
REQUEST_FAILED = -32803  # LSP 3.17: it was right, but cannot be fulfilled
_log = logging.getLogger(__name__)
_MAX_ID_CHARACTERS = 1000
_OF_RESPONSES = ("result", "error")
_Handler = TypeVar("_Handler", bound=Callable[..., "Future[Any]"])


def answers_later(handler: _Handler) -> _Handler:
    """Mark a handler that returns a `concurrent.futures.Future` of its answer."""
    handler.answers_later = True  # type: ignore[attr-defined]
    return handler


def converter() -> Converter:
    """Return pygls' converter, but with parameters of custom messages left as plain JSON.

    pygls would make them named tuples whose type the sender may name.
    """
    made: Converter = pygls_converter()  # type: ignore[no-untyped-call]
    for kind in (JsonRPCRequestMessage, JsonRPCNotification, JsonRPCResponseMessage):
        made.register_structure_hook(kind, _plain)
    return made


def _plain(message: dict[str, Any], kind: Callable[..., Any]) -> Any:  # noqa: ANN401 - cattrs' hook
    fields = ("jsonrpc", "id", "method", "params", "result")
    known = {name: message[name] for name in fields if name in message}
    if kind is not JsonRPCResponseMessage:
        known.setdefault("params", None)
    return kind(**known)


class MixlineProtocol(LanguageServerProtocol):
    """One client's connection; `ended` is called when the client says `exit`."""

    def __init__(self, server: Any, converter: Converter) -> None:  # noqa: ANN401 - pygls' own type is a cycle
        super().__init__(server, converter)
        self.ended: Callable[[], None] = lambda: None
        self.admits: Callable[[types.InitializeParams], bool] = lambda _: True
        self._initialized = False

    @property
    def was_shut_down(self) -> bool:
        """Whether the client said `shutdown`, so that `exit` is no accident."""
        return bool(self._shutdown)

    def receive(self, body: bytes) -> None:
        """Handle one message; whatever it holds, an error is answered and nothing is raised."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            self.refuse(None, JsonRpcParseError("the message is not JSON"))
            return
        message_id = message.get("id") if isinstance(message, dict) else None
        if not _is_id(message_id):
            message_id = None
        if not _is_message(message):
            if not _is_response(message):  # answering a broken answer could go on for ever
                self.refuse(message_id, JsonRpcInvalidRequest("the message is not JSON-RPC 2.0"))
            return
        if "method" not in message:
            self._take_answer(message)
            return
        message = {key: part for key, part in message.items() if key not in _OF_RESPONSES}
        problem = (
            self._take(message) if self._may_pass(message) else self._out_of_turn(message["method"])
        )
        if problem is not None and message_id is not None:
            self.refuse(message_id, problem)

    def refuse(self, message_id: str | int | None, error: JsonRpcException) -> None:
        """Answer with an error."""
        self._send_data(types.ResponseErrorMessage(id=message_id, error=error.to_response_error()))

    def _take_answer(self, message: dict[str, Any]) -> None:
        """Take an answer to one of our own requests."""
        # pygls keeps the client's requests in the same table, which this could answer.
        if message["id"] not in self._result_types:
            _log.warning("an answer to nothing that was asked")
            return
        problem = self._take(message)
        if problem is not None:
            self._handle_response(message["id"], error=problem.to_response_error())

    def _take(self, message: dict[str, Any]) -> JsonRpcException | None:
        """Hand a message to its handler, or say why its parameters are none."""
        method = message.get("method", "an answer")
        try:
            structured = self.structure_message(message)
        except JsonRpcException as error:
            _log.warning("%s with wrong parameters", method)
            return error
        try:
            self.handle_message(structured)
        except Exception:  # noqa: BLE001 - whatever a client sends, the server lives on
            _log.exception("a message of the kind %s was not handled", method)
        return None

    def _handle_response(
        self,
        msg_id: str | int,
        result: object = None,
        error: types.ResponseError | None = None,
    ) -> None:
        self._result_types.pop(msg_id, None)  # pygls forgets it where the answer is no error
        super()._handle_response(msg_id, result, error)

    def _handle_cancel_notification(self, msg_id: object) -> None:
        # Anything may stand there, also the id of a request of ours.
        if isinstance(msg_id, str | int) and msg_id not in self._result_types:
            super()._handle_cancel_notification(msg_id)

    def _may_pass(self, message: dict[str, Any]) -> bool:
        method = message.get("method")
        if method == types.EXIT:
            return True
        if self._shutdown:
            return False
        if self._initialized:
            return method != types.INITIALIZE
        return method == types.INITIALIZE

    def _out_of_turn(self, method: str) -> JsonRpcException:
        if self._shutdown:
            return JsonRpcInvalidRequest("the server was shut down; only exit may follow")
        if method == types.INITIALIZE:
            return JsonRpcInvalidRequest("the server is initialized already")
        return JsonRpcServerNotInitialized("initialize must come first")

    def _execute_handler(
        self,
        msg_id: str | int,
        handler: Callable[..., Any],
        callback: Callable[[Any], None],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        if not getattr(handler, "answers_later", False):
            super()._execute_handler(msg_id, handler, callback, args, kwargs)
            self._forget_when_done(msg_id)
            return
        # Errors in the shell of such a handler are answered by the caller of this method.
        future: Future[Any] = handler(*(args or ()), **(kwargs or {}))
        self._request_futures[msg_id] = future
        future.add_done_callback(callback)

    def _forget_when_done(self, msg_id: str | int) -> None:
        """Forget a handler's future; of notifications and of parts of requests pygls never does."""

        def forget(done: "Future[Any]") -> None:
            if self._request_futures.get(msg_id) is done:
                del self._request_futures[msg_id]
            if not done.cancelled():
                done.exception()  # of a cancelled request nobody else asks for it

        future = self._request_futures.get(msg_id)
        if future is not None:
            future.add_done_callback(forget)

    def get_message_type(self, method: str) -> type[Any] | None:  # type: ignore[override]  # a cache
        """Return a message's type; pygls' own cache would keep all that a client had open."""
        return types.METHOD_TO_TYPES.get(method, (None,))[0]

    def get_result_type(self, method: str) -> type[Any] | None:  # type: ignore[override]  # likewise
        """Return LSP's type of an answer."""
        return types.METHOD_TO_TYPES.get(method, (None, None))[1]

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Any:  # noqa: ANN401 - pygls' generator
        """Check who is calling, then let pygls negotiate."""
        if not self.admits(params):
            raise JsonRpcInvalidRequest(
                "expected the server's token in initializationOptions.token; "
                "the server printed it on stderr when it started"
            )
        self._initialized = True
        return (yield from super().lsp_initialize(params))

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: object) -> Any:  # noqa: ANN401 - pygls' generator
        """Cancel what waits; pygls walks a table that our answers take their entries out of."""
        for message_id, future in list(self._request_futures.items()):
            if message_id != self.msg_id:
                future.cancel()
        return (yield from super().lsp_shutdown(*args))

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: object) -> None:  # type: ignore[override]  # pygls' is a generator
        """End this session; what happens to the process is the transport's business."""
        self.ended()

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """Leave documents to our own store, whose lines are LSP's."""
        self._user_handler(types.TEXT_DOCUMENT_DID_OPEN, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Likewise."""
        self._user_handler(types.TEXT_DOCUMENT_DID_CHANGE, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """Likewise."""
        self._user_handler(types.TEXT_DOCUMENT_DID_CLOSE, params)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def lsp_notebook_document__did_open(self, params: types.DidOpenNotebookDocumentParams) -> None:
        """Likewise for notebooks, of which pygls would keep a second copy."""
        self._user_handler(types.NOTEBOOK_DOCUMENT_DID_OPEN, params)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def lsp_notebook_document__did_change(
        self, params: types.DidChangeNotebookDocumentParams
    ) -> None:
        """Likewise; pygls would fail where a notebook is not open."""
        self._user_handler(types.NOTEBOOK_DOCUMENT_DID_CHANGE, params)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def lsp_notebook_document__did_close(
        self, params: types.DidCloseNotebookDocumentParams
    ) -> None:
        """Likewise."""
        self._user_handler(types.NOTEBOOK_DOCUMENT_DID_CLOSE, params)

    def _user_handler(self, method: str, params: object) -> None:
        self.fm.features[method](params)


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_ID_CHARACTERS
    return isinstance(value, int) and not isinstance(value, bool)


def _is_response(message: object) -> bool:
    return (
        isinstance(message, dict)
        and "method" not in message
        and ("result" in message or "error" in message)
    )


def _is_message(message: object) -> bool:
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return False
    if "method" in message:
        return isinstance(message["method"], str) and ("id" not in message or _is_id(message["id"]))
    return _is_id(message.get("id")) and ("result" in message or "error" in message)
