"""Log lines on stderr, none of which may hold source text."""

import logging
import sys


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


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send the server's own records, and warnings of its libraries, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_WithoutArguments())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("lsp_server").setLevel(level)
    # Neither a message nor its parameters may reach a record at these levels.
    logging.getLogger("pygls").setLevel(logging.WARNING)
