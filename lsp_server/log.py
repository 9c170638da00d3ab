"""Log lines on stderr, none of which may hold source text, and none of which anybody waits for."""

import logging
import os
import re
import select
import traceback
from types import TracebackType

_STDERR = 2
_OURS = ("lsp_server", "inference")
_FILLED_IN = re.compile(r"[%(\n]")  # where a record's wording ends
_ATOMIC_BYTES = 4096  # a pipe that is writable takes as much without blocking (PIPE_BUF)
_MOST_CAUSES = 4  # errors may be each other's context


class _WithoutArguments(logging.Filter):
    """Keeps the wording of others' records only.

    pygls formats whole messages into them, and asyncio what a callback or a task was given.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.split(".")[0] in _OURS:
            return True
        record.msg = _FILLED_IN.split(str(record.msg), maxsplit=1)[0].rstrip(" \"'")
        record.args = ()
        if record.name.startswith("pygls"):  # it does so with each message that is none
            kind = record.exc_info[0] if record.exc_info else None
            if kind is not None:
                record.msg += f" ({kind.__name__})"
            record.exc_info = None
            record.exc_text = None
        return True


class _WithoutMessages(logging.Formatter):
    """Says where an error was raised and of what kind it is: its message may quote a document."""

    def formatException(  # noqa: N802 - logging's name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        places: list[str] = []
        error = ei[1]
        while error is not None and len(places) < _MOST_CAUSES:
            frames = "".join(traceback.format_tb(error.__traceback__))
            places.append(f"Traceback (most recent call last):\n{frames}{type(error).__name__}")
            error = error.__cause__ or error.__context__
        return "\n".join(places)


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
    handler.setFormatter(_WithoutMessages("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_WithoutArguments())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("lsp_server").setLevel(level)
    # Below this level pygls writes whole messages.
    logging.getLogger("pygls").setLevel(logging.WARNING)
