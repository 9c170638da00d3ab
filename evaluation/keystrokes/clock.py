"""The typist's time: real time, less the pauses in which nobody has anything to do."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

# The server takes requests that come faster than this for a burst: no pause gets shorter.
_SHORTEST_S: Final = 0.065
_LOOK_S: Final = 0.01
_SETTLED_LOOKS: Final = 2  # an idle engine's result may still be on its way


class Clock:
    """Seconds as the typist counts them.

    Args:
        skip_idle: leave out what remains of a pause once the assistant is idle. All latencies are
            measured in real time either way; work that waits for a long pause is not seen.
    """

    def __init__(self, *, skip_idle: bool) -> None:
        self._skip_idle = skip_idle
        self.skipped_s = 0.0

    def now(self) -> float:
        """Return the seconds since some moment."""
        return self.real() + self.skipped_s

    def real(self) -> float:
        """Return the seconds since some moment, none left out."""
        return time.perf_counter()

    async def moment(self) -> None:
        """Wait between two looks at the same thing."""
        await asyncio.sleep(_LOOK_S)

    async def rest(self, seconds: float, idle: Callable[[], Awaitable[bool]]) -> None:
        """Wait; `idle` tells whether the assistant has nothing to do."""
        if not self._skip_idle or seconds <= _SHORTEST_S:
            await asyncio.sleep(seconds)
            return
        end = self.now() + seconds
        await asyncio.sleep(_SHORTEST_S)
        settled = 0
        while end - self.now() > _LOOK_S:
            settled = settled + 1 if await idle() else 0
            if settled == _SETTLED_LOOKS:
                self.skipped_s += max(0.0, end - self.now())
                return
            await self.moment()
        await asyncio.sleep(max(0.0, end - self.now()))
