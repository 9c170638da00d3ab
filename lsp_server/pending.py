"""A request that has no answer yet, and who else is told of answers."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from lsp_server.query import Outcome, Query
from lsp_server.result_cache import Result


class Pending:
    """A request without an answer yet."""

    def __init__(self, query: Query, reply: Callable[[Outcome], None], arrived_s: float) -> None:
        self.query = query
        self.reply = reply
        self.arrived_s = arrived_s
        self.deadline: asyncio.TimerHandle | None = None
        self.start_timer: asyncio.TimerHandle | None = None
        self.answered = False

    def stop_timers(self) -> None:
        """Forget what was planned for this request."""
        for timer in (self.deadline, self.start_timer):
            if timer is not None:
                timer.cancel()
        self.deadline = self.start_timer = None


class Observer(Protocol):
    """Is told what requests are answered, before the client is."""

    def answered(
        self, query: Query, outcome: Outcome, result: Result | None, latency_ms: float
    ) -> None:
        """Note an answer, and what of the engine's it was made of."""
