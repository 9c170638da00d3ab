"""Log lines on stderr, none of which may hold source text, and none of which anybody waits for."""

import logging
import os
import select

_STDERR = 2
_ATOMIC_BYTES = 4096  # a pipe that is writable takes as much without blocking (PIPE_BUF)


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


class _DroppingHandler(logging.Handler):
    """Writes to stderr, unless that would block.

    A client that starts the server with a pipe as stderr and never reads it would otherwise stop
    the event loop once that pipe is full.
    """

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
            if select.select([], [_STDERR], [], 0)[1]:
                os.write(_STDERR, line[:_ATOMIC_BYTES])
        except OSError:
            return  # nobody is there to be told


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send the server's own records, and warnings of its libraries, to stderr."""
    handler = _DroppingHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_WithoutArguments())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("lsp_server").setLevel(level)
    # Below this level pygls writes whole messages.
    logging.getLogger("pygls").setLevel(logging.WARNING)
