"""One client's bytes in and out, whatever carries them: framing, refusals, end."""

import logging
from collections.abc import Callable
from typing import Protocol

from pygls.exceptions import JsonRpcInvalidRequest

from lsp_server.engine_host import EngineHost
from lsp_server.features import (
    code_action,
    docstring,
    documents,
    explain,
    history,
    inline_completion,
    lifecycle,
    mixline_requests,
    notebooks,
    watched_files,
)
from lsp_server.framing import MAX_MESSAGE_BYTES, FramingError, MessageSplitter, Oversized
from lsp_server.server import MixlineServer

_log = logging.getLogger(__name__)


class Writer(Protocol):
    """Where answers go; pygls calls these two."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def close(self) -> None:
        """Send no more."""


class Connection:
    """A server for one client; must be made inside a running event loop.

    Args:
        host: where the engine is.
        writer: where answers go.
        ended: called once, when the client said `exit` or what it sends is no LSP.
        input_pending: whether the client has sent more than was read yet.
    """

    def __init__(
        self,
        host: EngineHost,
        writer: Writer,
        ended: Callable[[], None],
        input_pending: Callable[[], bool],
    ) -> None:
        self.server = MixlineServer(host, input_pending)
        for feature in (
            documents,
            notebooks,
            inline_completion,
            lifecycle,
            mixline_requests,
            watched_files,
            history,
            code_action,
            docstring,
            explain,
        ):
            feature.register(self.server)
        self.server.protocol.set_writer(writer)
        self.server.protocol.ended = self.end
        self._ended = ended
        self._splitter = MessageSplitter()
        self.is_over = False

    def feed(self, data: bytes) -> None:
        """Handle what was read."""
        try:
            messages = self._splitter.feed(data)
        except FramingError as error:
            _log.error("%s; closing the connection", error)
            self.end()
            return
        for message in messages:
            self._handle(message)

    def end(self) -> None:
        """Stop this client's work and tell the transport."""
        if self.is_over:
            return
        self.is_over = True
        self.server.close()
        self._ended()

    def _handle(self, message: bytes | Oversized) -> None:
        if self.is_over:
            return
        self.server.rest.stir()
        if isinstance(message, bytes):
            self.server.protocol.receive(message)
            return
        text = f"expected at most {MAX_MESSAGE_BYTES} bytes in a message, got {message.size_bytes}"
        _log.error("%s; it was dropped", text)
        self.server.protocol.refuse(None, JsonRpcInvalidRequest(text))
