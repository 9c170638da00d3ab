"""The server on stdin and stdout, for the editor that started it."""

import asyncio
import logging
import os
import select
import threading
from collections.abc import Callable

from lsp_server.connection import Connection
from lsp_server.engine_host import EngineHost

_log = logging.getLogger(__name__)
_READ_BYTES = 1 << 16
_STDIN, _STDOUT, _STDERR = 0, 1, 2


async def serve_on_stdio(host: EngineHost) -> int:
    """Serve until the client leaves; returns the exit status that LSP asks for."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    # Whatever else prints (a library, a stray print) must not end up between our messages.
    source, sink = os.dup(_STDIN), os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    reader = _Reader(source, loop)
    connection = Connection(host, _FdWriter(sink, over.set), over.set, reader.has_more)
    reader.start(connection.feed, over.set)
    await over.wait()
    connection.end()
    return 0 if connection.server.protocol.was_shut_down else 1


class _Reader:
    """Reads in a thread of its own, so that the client can always write, and waits for nobody."""

    def __init__(self, fd: int, loop: asyncio.AbstractEventLoop) -> None:
        self._fd = fd
        self._loop = loop
        self._lock = threading.Lock()
        self._unhandled = 0  # reads that the loop has not seen yet

    def start(self, feed: Callable[[bytes], None], closed: Callable[[], None]) -> None:
        threading.Thread(
            target=self._read, args=(feed, closed), name="mixline-stdin", daemon=True
        ).start()

    def has_more(self) -> bool:
        """Tell whether the client has sent something that was not handled yet."""
        return self._unhandled > 0 or is_readable(self._fd)

    def _read(self, feed: Callable[[bytes], None], closed: Callable[[], None]) -> None:
        def handle(data: bytes) -> None:
            with self._lock:
                self._unhandled -= 1
            feed(data)

        try:
            while data := os.read(self._fd, _READ_BYTES):
                with self._lock:
                    self._unhandled += 1
                self._loop.call_soon_threadsafe(handle, data)
            self._loop.call_soon_threadsafe(closed)
        except (OSError, RuntimeError) as error:  # the loop may have ended first
            _log.debug("reading stdin ended: %s", type(error).__name__)
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(closed)


class _FdWriter:
    """Writes whole messages; a client that is gone ends the session instead of raising."""

    def __init__(self, fd: int, gone: Callable[[], None]) -> None:
        self._fd = fd
        self._gone = gone

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            self._gone()

    def close(self) -> None:
        self._gone()


def is_readable(fd: int) -> bool:
    """Tell whether a read would return at once; False where the system cannot say."""
    try:
        return bool(select.select([fd], [], [], 0)[0])
    except (OSError, ValueError):
        return False
