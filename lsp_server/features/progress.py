"""$/progress while the model loads, and one message if it cannot."""

import asyncio
import logging

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server.engine_host import EngineState, HostStatus
from lsp_server.server import MixlineServer, show_message

_log = logging.getLogger(__name__)
_TOKEN = "mixline-load"  # noqa: S105 - LSP's word for the identity of a progress bar


def follow_loading(server: MixlineServer) -> None:
    """Tell the client how loading goes, from now to its end."""
    follower = _Follower(server)
    loop = asyncio.get_running_loop()

    def changed(status: HostStatus) -> None:  # in the loading thread
        if not loop.is_closed():
            loop.call_soon_threadsafe(follower.update, status)

    server.on_close.append(server.host.watch(changed))
    follower.update(server.host.status)


class _Follower:
    def __init__(self, server: MixlineServer) -> None:
        self._server = server
        self._latest: HostStatus | None = None
        self._failure_shown = False
        self._creating: asyncio.Task[None] | None = None
        self._begun = False

    def update(self, status: HostStatus) -> None:
        self._latest = status
        if status.state is EngineState.FAILED and not self._failure_shown:
            self._failure_shown = True
            show_message(self._server, types.MessageType.Error, f"Mixline: {status.message}")
        if self._begun:
            self._report(status)
        elif status.state is EngineState.LOADING and self._creating is None and self._can_show():
            self._creating = asyncio.ensure_future(self._begin())

    def _can_show(self) -> bool:
        window = self._server.client_capabilities.window
        return window is not None and bool(window.work_done_progress)

    async def _begin(self) -> None:
        try:
            await self._server.work_done_progress.create_async(_TOKEN)
        except JsonRpcException as error:
            _log.warning("the client shows no progress: %s", error.code)
            return
        latest = self._latest
        if latest is None or latest.state is not EngineState.LOADING:
            return  # loaded meanwhile
        self._begun = True
        self._server.work_done_progress.begin(
            _TOKEN,
            types.WorkDoneProgressBegin(
                title="Mixline: loading the model",
                message=latest.message,
                percentage=round(100 * latest.share),
            ),
        )

    def _report(self, status: HostStatus) -> None:
        progress = self._server.work_done_progress
        if status.state is EngineState.LOADING:
            progress.report(
                _TOKEN,
                types.WorkDoneProgressReport(
                    message=status.message, percentage=round(100 * status.share)
                ),
            )
            return
        self._begun = False
        progress.end(_TOKEN, types.WorkDoneProgressEnd(message=status.state.value))
