"""Gives memory back to the system while the client rests.

Threads come and go between heaps of their own, and what is freed in them stays with the process:
after a minute of typing, fixes and docstrings a fifth of the server's own memory.
"""

import asyncio
import ctypes
import sys
from collections.abc import Callable
from typing import Final

_AFTER_S: Final = 5.0  # that nothing came for; until twice as long at most


def give_back_memory() -> None:
    """Give freed pages back; milliseconds, in which other threads go on."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


class Rest:
    """Does something in another thread, once after each stretch of messages."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        act: Callable[[], None] = give_back_memory,
        after_s: float = _AFTER_S,
    ) -> None:
        """Wait for the first message."""
        self._loop = loop
        self._act = act
        self._after_s = after_s
        self._timer: asyncio.TimerHandle | None = None
        self._stirred = False

    def stir(self) -> None:
        """Note a message; costs next to nothing."""
        self._stirred = True
        if self._timer is None:
            self._timer = self._loop.call_later(self._after_s, self._look)

    def stop(self) -> None:
        """Do nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        if self._stirred:
            self._stirred = False
            self._timer = self._loop.call_later(self._after_s, self._look)
            return
        self._timer = None
        self._loop.run_in_executor(None, self._act)
