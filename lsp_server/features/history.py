"""mixline/stats, and the command with which a client confirms that a suggestion was accepted."""

import asyncio
import re
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from inference import MixlineError
from lsp_server.history.statistics import Statistics
from lsp_server.protocol import REQUEST_FAILED, answers_later
from lsp_server.server import MixlineServer

STATS = "mixline/stats"
ACCEPTED = "mixline.accepted"
_ID = re.compile(r"[0-9]{1,19}")
_MOST = (1 << 63) - 1  # of SQLite's integers


def register(server: MixlineServer) -> None:
    """Offer both."""

    @answers_later
    def stats(_: Mapping[str, Any] | None) -> Future[dict[str, Any]]:
        return _statistics(server)

    def accepted(*arguments: str) -> None:
        known = arguments[0] if len(arguments) == 1 else None
        if isinstance(known, str) and _ID.fullmatch(known) and int(known) <= _MOST:
            server.history.confirmed(int(known))

    server.feature(STATS)(stats)
    server.command(ACCEPTED)(accepted)


def accept_command(server: MixlineServer, uri: str) -> types.Command | None:
    """Return the command of the item that is being answered; None where no history is kept.

    Whatever the client's capabilities say: Neovim runs commands and announces nothing.
    """
    known = server.history.accept_command_id(uri)
    if known is None:
        return None
    return types.Command(title="Accepted", command=ACCEPTED, arguments=[known])


def _statistics(server: MixlineServer) -> Future[dict[str, Any]]:
    loop = asyncio.get_running_loop()
    answer: Future[dict[str, Any]] = Future()
    question = server.history.statistics()

    def finish() -> None:
        if answer.cancelled():
            return
        if (error := question.exception()) is None:
            answer.set_result(asdict(question.result()))
        else:
            known = isinstance(error, MixlineError)
            message = str(error) if known else f"the history was not read: {type(error).__name__}"
            answer.set_exception(JsonRpcException(code=REQUEST_FAILED, message=message))

    def wake(_: "Future[Statistics]") -> None:  # in the history's thread
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish)

    question.add_done_callback(wake)
    return answer
