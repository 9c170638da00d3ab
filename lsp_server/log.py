"""Log lines on stderr, none of which may hold source text, and none of which anybody waits for."""

import logging
import queue
import sys
import time
from logging.handlers import QueueHandler, QueueListener

_WAITING_RECORDS = 2000
_LAST_RECORDS_WITHIN_S = 0.5


class _WithoutArguments(logging.Filter):
    """Keeps the wording of pygls' records only: it formats whole messages into them."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("pygls"):
            kind = record.exc_info[0] if record.exc_info else None
            record.msg = str(record.msg).split("%", 1)[0].rstrip(" \"'")
            if kind is not None:
                record.msg += f" ({kind.__name__})"
            record.args = ()
            record.exc_info = None
            record.exc_text = None
        return True


class _Dropping(QueueHandler):
    """Hands records to the writing thread, and drops them while nobody reads our stderr."""

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return


class Log:
    """Logging to stderr for as long as a server runs.

    A client that starts the server with a pipe as stderr and never reads it would otherwise stop
    the event loop once that pipe is full.
    """

    def __init__(self, level: int = logging.INFO) -> None:
        self._queue: queue.Queue[logging.LogRecord] = queue.Queue(_WAITING_RECORDS)
        writer = logging.StreamHandler(sys.stderr)
        writer.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self._listener = QueueListener(self._queue, writer)
        handler = _Dropping(self._queue)
        handler.addFilter(_WithoutArguments())
        root = logging.getLogger()
        root.handlers[:] = [handler]
        root.setLevel(logging.WARNING)
        logging.getLogger("lsp_server").setLevel(level)
        # Below this level pygls writes whole messages.
        logging.getLogger("pygls").setLevel(logging.WARNING)
        self._listener.start()

    def flush(self) -> None:
        """Give the last records a moment to be written."""
        end = time.monotonic() + _LAST_RECORDS_WITHIN_S
        while not self._queue.empty() and time.monotonic() < end:
            time.sleep(0.01)
