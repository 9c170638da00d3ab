"""The server on a TCP port: a token, one client at a time, nothing for browsers."""

import asyncio
import logging
import secrets
import sys
from collections.abc import Mapping

from lsprotocol import types

from inference import MixlineError
from lsp_server.connection import Connection
from lsp_server.engine_host import EngineHost
from lsp_server.stdio import is_readable

_log = logging.getLogger(__name__)
INITIALIZE_WITHIN_S = 10.0
_LINGER_S = 1.0  # for a client to read the last answer


class AddressInUseError(MixlineError):
    """The port cannot be listened on."""


async def serve_on_tcp(
    host: EngineHost, address: str, port: int, token: str, *, tell_token: bool
) -> None:
    """Listen and load, until the process is ended; says on stderr where, and a new token.

    Raises:
        AddressInUseError: the address cannot be listened on.
    """
    loop = asyncio.get_running_loop()
    door = _Door()
    try:
        listener = await loop.create_server(lambda: _Client(host, token, door), address, port)
    except OSError as error:
        raise AddressInUseError(
            f"cannot listen on {address}:{port}: {error.strerror}; choose another port, or 0 for "
            f"any free one"
        ) from error
    host.start()  # only now: an address that is in use is told without loading anything
    actual = listener.sockets[0].getsockname()[1]
    sys.stderr.write(f"mixline: listening on {address}:{actual}\n")
    sys.stderr.write(f"mixline: token {token if tell_token else '(the one in the file)'}\n")
    sys.stderr.flush()
    async with listener:
        await listener.serve_forever()


class _Door:
    """Lets one client in at a time."""

    def __init__(self) -> None:
        self.is_taken = False


class _Client(asyncio.Protocol):
    """One accepted connection."""

    def __init__(self, host: EngineHost, token: str, door: _Door) -> None:
        self._host = host
        self._token = token
        self._door = door
        self._transport: asyncio.Transport | None = None
        self._connection: Connection | None = None
        self._timeout: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_server's promise
        self._transport = transport
        if self._door.is_taken:
            _log.warning("a second client was refused")
            transport.abort()
            return
        self._door.is_taken = True
        loop = asyncio.get_running_loop()
        self._connection = Connection(self._host, transport, self._leave, self._has_more)
        self._connection.server.protocol.admits = self._admits
        self._timeout = loop.call_later(INITIALIZE_WITHIN_S, self._connection.end)

    def data_received(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self._connection is not None:
            self._connection.end()
            self._connection = None
            self._door.is_taken = False

    def _admits(self, params: types.InitializeParams) -> bool:
        options = params.initialization_options
        given = options.get("token") if isinstance(options, Mapping) else None
        given_bytes = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else b""
        if secrets.compare_digest(given_bytes, self._token.encode()):
            self._stop_timeout()
            return True
        _log.warning("a client without the token was refused")
        if self._connection is not None:
            # Once the refusal is sent.
            asyncio.get_running_loop().call_soon(self._connection.end)
        return False

    def _leave(self) -> None:
        self._stop_timeout()
        if self._transport is None or self._transport.is_closing():
            return
        self._connection = None  # what still comes is dropped
        self._door.is_taken = False
        # Closed while something is unread, the socket would be reset, and the client might lose
        # the answer that it was sent (RFC 1122, 4.2.2.13).
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_S, self._transport.close)

    def _stop_timeout(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None

    def _has_more(self) -> bool:
        socket = self._transport.get_extra_info("socket") if self._transport else None
        return socket is not None and is_readable(socket.fileno())
