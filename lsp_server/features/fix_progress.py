"""$/progress while a client waits for a fix or docstring, with its button to cancel."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from concurrent.futures import Future

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server.server import MixlineServer

_log = logging.getLogger(__name__)
_TOKENS = itertools.count(1)


class FixProgress:
    """One progress bar, from now until `end`; none where the client shows none.

    Args:
        server: of the client.
        cancel: what the user's button does.
        title: what is done.
    """

    def __init__(
        self,
        server: MixlineServer,
        cancel: Callable[[], None],
        title: str = "Mixline: looking for a fix",
    ) -> None:
        self._server = server
        self._cancel = cancel
        self._title = title
        self._token = f"mixline-fix-{next(_TOKENS)}"
        self._is_over = False
        self._begun = False
        window = server.client_capabilities.window
        self._creating: asyncio.Task[None] | None = None
        if window is not None and window.work_done_progress:
            self._creating = asyncio.ensure_future(self._begin())

    def report(self, done: int, all_: int) -> None:
        """Show how far it is."""
        if self._begun:
            percentage = round(100 * done / all_)
            report = types.WorkDoneProgressReport(percentage=percentage)
            self._server.work_done_progress.report(self._token, report)

    def end(self) -> None:
        """Take the bar away."""
        self._is_over = True
        if self._begun:
            self._begun = False
            progress = self._server.work_done_progress
            progress.end(self._token, types.WorkDoneProgressEnd())
            progress.tokens.pop(self._token, None)

    async def _begin(self) -> None:
        progress = self._server.work_done_progress
        try:
            await progress.create_async(self._token)
        except JsonRpcException as error:
            _log.warning("the client shows no progress: %s", error.code)
            return
        if self._is_over:
            progress.tokens.pop(self._token, None)
            return
        self._begun = True
        progress.tokens[self._token].add_done_callback(self._pressed)
        progress.begin(
            self._token,
            types.WorkDoneProgressBegin(title=self._title, cancellable=True),
        )

    def _pressed(self, token: Future[None]) -> None:
        if token.cancelled() and not self._is_over:
            self._cancel()
