"""The real server with the real model in this process: fed bytes, and looked into.

Everything between the framing of messages and the operators is what `mixline serve` runs; only the
pipe is missing, so a million messages take minutes and a document's text can be compared.
"""

import asyncio
import contextlib
import json
import logging
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pygls.exceptions import JsonRpcException

from inference import Engine
from lsp_server.connection import Connection
from lsp_server.engine_host import EngineHost, EngineState
from tests.fuzz.traffic import Message, Traffic, notification

_INTERNAL_ERROR: Final = -32603
_PROVOKED: Final = re.compile(
    "closing the connection|Unable to deserialize message|FeatureRequestError: JsonRpc"
)
_WITHIN_S: Final = 120.0  # of anything that must happen at all
# Controls but tab and line feed, what reorders text, and what has no width: see docs/security.md.
INVISIBLE: Final = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


class Hosted:
    """Serves one session after another, over one engine."""

    def __init__(self, model: Path) -> None:
        self._host = EngineHost(lambda progress: Engine.open(model, on_progress=progress))
        self._host.start()
        end = time.monotonic() + _WITHIN_S
        while self._host.status.state is EngineState.LOADING and time.monotonic() < end:
            time.sleep(0.02)
        if self._host.engine is None:
            raise RuntimeError(self._host.status.message)

    @property
    def host(self) -> EngineHost:
        """Where the engine is."""
        return self._host

    def close(self) -> None:
        """Release the model."""
        self._host.close()


class Session:
    """One client's session: sends what `Traffic` makes, and notes whatever is not as promised.

    Must be made inside a running event loop.
    """

    def __init__(self, hosted: Hosted, traffic: Traffic, encoding: str, folder: str) -> None:
        self.traffic = traffic
        self.problems: list[str] = []
        self.sent = 0
        self.suggestions = 0
        self._answers: dict[int, Message] = {}
        self._buffer = b""
        self._unanswered: list[Message] = []
        self.connection = Connection(hosted.host, self, lambda: None, lambda: False)
        asyncio.get_running_loop().set_exception_handler(self._complain)
        capabilities = {
            "general": {"positionEncodings": [encoding]},
            "textDocument": {
                "inlineCompletion": {},
                "codeAction": {"resolveSupport": {"properties": ["edit"]}},
            },
            "workspace": {
                "configuration": traffic.draw.random() < 0.5,
                "didChangeConfiguration": {"dynamicRegistration": True},
            },
        }
        settings = {"minimumConfidence": 0, "answerWithinMs": 20, "afterlifeMs": 100}
        params = {
            "processId": None,
            "rootUri": folder,
            "capabilities": capabilities,
            "initializationOptions": {"settings": settings},
        }
        self.send(traffic.request("initialize", params))
        self.send(notification("initialized", {}))

    def send(self, message: Message | bytes) -> None:
        """Feed one message, in one piece or several."""
        self.sent += 1
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        data = b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        draw: random.Random = self.traffic.draw
        cut = draw.randrange(len(data)) if draw.random() < 0.1 else 0
        for part in (data[:cut], data[cut:]):
            self.connection.feed(part)

    async def breathe(self, seconds: float = 0.0) -> None:
        """Let the server do what it does between messages, and answer its requests."""
        await asyncio.sleep(seconds)
        asked, self._unanswered = self._unanswered, []
        for message in asked:
            self.send(self.traffic.answer(message))

    async def settle(self) -> None:
        """Wait for all answers, then compare what the server knows with what the client does."""
        end = time.monotonic() + _WITHIN_S
        while missing := self.traffic.asked.keys() - self._answers.keys():
            if time.monotonic() > end:
                methods = sorted({self.traffic.asked[one] for one in missing})
                self.problems.append(f"{len(missing)} requests were never answered: {methods}")
                return
            await self.breathe(0.002)
        for uri, known in self.traffic.documents.items():
            document = self.connection.server.session.document(uri)
            text = None if document is None else "".join(document.lines)
            if text != known.text:
                self.problems.append(f"{uri}: the server has {text!r}, the client {known.text!r}")
            if document is not None and document.version != known.version:
                self.problems.append(f"{uri}: version {document.version}, not {known.version}")
            if document is not None and document.length != len(known.text) - known.text.count(
                "\r\n"
            ):
                self.problems.append(f"{uri}: the length {document.length} is wrong")

    async def end(self) -> None:
        """See that the server still answers, close everything, and leave."""
        status = self.traffic.request("mixline/status", {})
        self.send(status)
        await self.settle()
        if "result" not in self._answers.get(status["id"], {}):
            self.problems.append("mixline/status is no longer answered")
        for uri in [*self.traffic.documents]:
            self.send(notification("textDocument/didClose", {"textDocument": {"uri": uri}}))
        self.traffic.documents.clear()
        draw = self.traffic.draw
        if draw.random() < 0.7:
            self.send(self.traffic.request("shutdown", None))
            await self.settle()
            self.send(self.traffic.mutated())  # too late
            self.send(notification("exit", None))
        elif draw.random() < 0.5:
            self.connection.feed(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        else:
            self.connection.end()
        if not self.connection.is_over:
            self.problems.append("the session has not ended")
        await asyncio.sleep(0.01)  # checkers' processes are reaped

    def write(self, data: bytes) -> None:
        """Take what the server sends; it writes whole messages, and may cut them anyhow."""
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._take(json.loads(rest[:length]))

    def close(self) -> None:
        """Send no more: pygls' writer protocol."""

    def _take(self, message: Message) -> None:
        if "method" in message:
            if "id" in message:
                self._unanswered.append(message)
            return
        known = message.get("id")
        if known is None:
            return  # to something that had no id
        if known not in self.traffic.asked:
            self.problems.append(f"an answer to {known!r}, which was never asked")
            return
        method = self.traffic.asked[known]
        if known in self._answers:
            self.problems.append(f"a second answer to {method}")
        self._answers[known] = message
        error = message.get("error")
        if error is not None and error["code"] == _INTERNAL_ERROR:
            self.problems.append(f"{method}: {error['message']}")
        if method == "textDocument/inlineCompletion" and error is None:
            self._look_at_items(message["result"], self.traffic.entries.get(known, ""))

    def _look_at_items(self, result: Any, entry: str) -> None:
        for item in result["items"]:
            self.suggestions += 1
            if INVISIBLE.search(item["insertText"].removeprefix(entry)):
                self.problems.append(f"an invisible character in {item['insertText']!r}")
            start, end = item["range"]["start"], item["range"]["end"]
            if start["line"] != end["line"] or start["character"] > end["character"]:
                self.problems.append(f"the range {item['range']}")

    def _complain(self, _: object, context: dict[str, Any]) -> None:
        self.problems.append(f"the event loop: {context.get('exception') or context['message']!r}")


class _Errors(logging.Handler):
    """Collects records that say that something was not foreseen."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note an error, but for those that wrong messages are meant to provoke."""
        kind = record.exc_info[0] if record.exc_info else None
        foreseen = kind is not None and issubclass(kind, JsonRpcException)
        text = self.format(record)
        if not foreseen and _PROVOKED.search(text) is None:
            self.records.append(text)


@contextlib.contextmanager
def errors_logged() -> Iterator[list[str]]:
    """Collect the errors that are logged inside."""
    handler, root = _Errors(), logging.getLogger()
    former, root.handlers[:] = root.handlers[:], [handler]
    try:
        yield handler.records
    finally:
        root.handlers[:] = former


async def play(hosted: Hosted, draw: random.Random, folder: str, messages: int) -> Session:
    """Play one session of about so many messages."""
    encoding = draw.choice(("utf-8", "utf-16", "utf-16", "utf-32"))
    traffic = Traffic(draw, folder, encoding)
    with errors_logged() as errors:
        session = Session(hosted, traffic, encoding, folder)
        for _ in range(messages):
            session.send(traffic.next())
            if draw.random() < 0.2:
                await session.breathe(draw.choice((0, 0, 0, 0, 0, 0, 0, 0, 0.001, 0.01)))
            if draw.random() < 0.002:
                session.send(traffic.inline())  # nothing supersedes it
                await session.settle()
        await session.end()
    session.problems += errors
    return session
