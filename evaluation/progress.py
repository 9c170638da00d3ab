"""A bar on stderr with share, speed and time left; silent where nobody watches."""

import sys
import time
from typing import Final, Self, TextIO

_WIDTH: Final = 28  # characters of the bar
_SECONDS: Final = 0.1  # between two drawings


class Progress:
    """Counts what is done; a context manager that leaves a clean line behind."""

    def __init__(self, label: str, total: float, stream: TextIO | None = None) -> None:
        """Start at nothing.

        Args:
            label: stands before the bar.
            total: of whatever `advance` counts, above 0.
            stream: None for stderr.
        """
        self._label = label
        self._total = total
        self._stream = sys.stderr if stream is None else stream
        self._watched = self._stream.isatty()
        self._done = 0.0
        self._measured = 0.0  # of what is done, not taken from a former run
        self._started = time.monotonic()
        self._drawn = 0.0

    def advance(self, amount: float = 1, *, measured: bool = True) -> None:
        """Count something done; `measured` False: a former run had done it."""
        self._done += amount
        self._measured += amount * measured
        now = time.monotonic()
        if self._watched and (now - self._drawn >= _SECONDS or self._done >= self._total):
            self._drawn = now
            self._stream.write("\r\x1b[K" + self.line(now - self._started))
            self._stream.flush()

    def line(self, seconds: float) -> str:
        """Return the line to show after so many seconds."""
        share = min(1.0, self._done / self._total)
        bar = "#" * round(share * _WIDTH)
        left = ""
        if self._measured:
            remaining = round((self._total - self._done) * seconds / self._measured)
            left = f"  {remaining // 60}:{remaining % 60:02} left"
        return f"{self._label} [{bar:<{_WIDTH}}] {share:4.0%}{left}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._watched:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
