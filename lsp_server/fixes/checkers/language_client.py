"""A language server of our own over stdio, kept warm: it gets texts and is asked what is wrong.

Diagnostics are pulled (`textDocument/diagnostic`, LSP 3.17), so that an answer belongs to exactly
the text that was sent; a server that cannot be asked is no use here.
"""

import asyncio
import contextlib
import itertools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lsp_server.document import Document
from lsp_server.fixes.checkers.process import NEUTRAL_FOLDER, end_group
from lsp_server.framing import FramingError, MessageSplitter, Oversized

_STDIN, _STDOUT = 0, 1
_ASK_AGAIN_S: Final = 0.05
# LSP 3.17: RequestCancelled (by nobody but the server), ContentModified, ServerCancelled.
_BUSY: Final = frozenset({-32800, -32801, -32802})


class LanguageServerError(Exception):
    """The server does not do what it should; never leaves the checkers."""


class _BusyError(LanguageServerError):
    """The server was interrupted by itself: the same question may be put again."""


class LanguageClient:
    """One server for one folder; `check` may be called again after any error.

    Args:
        command: the server's program, absolute, and its arguments.
        folder: of the workspace.
        variables: all of its environment.
        settings: what it gets when it asks for its configuration, by section.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        variables: Mapping[str, str],
        settings: Mapping[str, object],
    ) -> None:
        self._command = command
        self._folder = folder
        self._variables = variables
        self._settings = settings
        self._one_at_a_time = asyncio.Lock()
        self._transport: asyncio.SubprocessTransport | None = None
        self._outputs: list[ServerOutput] = []  # of servers that may not have ended yet
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._open: dict[str, tuple[Document, int]] = {}  # by URI, with the version it was told

    async def check(
        self, document: Document, others: Sequence[Document], limit_s: float
    ) -> list[Mapping[str, Any]]:
        """Return what the server says of a text, as LSP diagnostics in utf-16.

        Args:
            document: the text.
            others: open buffers that count in place of their files.
            limit_s: for all of it, the start of the server included.

        Raises:
            LanguageServerError: it cannot be started, has ended, or answers nonsense or too late;
                it is started anew next time.
        """
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(limit_s):
                    await self._start()
                    self._tell(document, others)
                    answer = await self._diagnose(document.uri)
            except TimeoutError as error:
                self.close()
                raise LanguageServerError(f"it took longer than {limit_s:g} s") from error
            except (OSError, ValueError) as error:
                self.close()
                raise LanguageServerError(f"it failed ({type(error).__name__})") from error
        items = answer.get("items") if isinstance(answer, Mapping) else None
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise LanguageServerError("it does not say what is wrong when it is asked")
        return items

    def close(self) -> None:
        """End the server with all that it has started."""
        transport, self._transport = self._transport, None
        if transport is not None:
            end_group(transport.get_pid())
            transport.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(LanguageServerError("it has ended"))
        self._waiting.clear()
        self._open.clear()

    async def wait_closed(self) -> None:
        """Wait until the servers that were ended are gone."""
        while self._outputs:
            await self._outputs.pop().exited.wait()

    async def _start(self) -> None:
        if self._transport is not None:
            return
        await self.wait_closed()
        self._transport, output = await asyncio.get_running_loop().subprocess_exec(
            lambda: ServerOutput(self._receive, self._failed),
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=NEUTRAL_FOLDER,
            env=dict(self._variables),
            start_new_session=True,
        )
        self._outputs.append(output)
        uri = self._folder.as_uri()
        await self._ask(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": uri,
                "workspaceFolders": [{"uri": uri, "name": self._folder.name}],
                "capabilities": {
                    "textDocument": {"diagnostic": {}, "synchronization": {}},
                    "workspace": {"configuration": True, "workspaceFolders": True},
                },
            },
        )
        self._send({"method": "initialized", "params": {}})

    def _tell(self, document: Document, others: Sequence[Document]) -> None:
        """Let the server see exactly these texts."""
        wanted = {one.uri: one for one in (*others, document)}
        for uri in self._open.keys() - wanted.keys():
            del self._open[uri]
            self._send(
                {"method": "textDocument/didClose", "params": {"textDocument": {"uri": uri}}}
            )
        for uri, text in wanted.items():
            known, version = self._open.get(uri, (None, 0))
            if known is not None and known.lines == text.lines:
                continue
            self._open[uri] = text, version + 1
            content = "".join(text.lines).encode("utf-8", "replace").decode()
            if known is None:
                item = {"uri": uri, "languageId": text.language, "version": 1, "text": content}
                self._send({"method": "textDocument/didOpen", "params": {"textDocument": item}})
            else:
                name = {"uri": uri, "version": version + 1}
                params = {"textDocument": name, "contentChanges": [{"text": content}]}
                self._send({"method": "textDocument/didChange", "params": params})

    async def _diagnose(self, uri: str) -> Any:  # noqa: ANN401 - any JSON
        """Ask until the server has time for it, which the caller limits."""
        while True:
            try:
                return await self._ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
            except _BusyError:
                await asyncio.sleep(_ASK_AGAIN_S)

    async def _ask(self, method: str, params: object) -> Any:  # noqa: ANN401 - any JSON
        number = next(self._ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._send({"id": number, "method": method, "params": params})
        try:
            return await answer
        except asyncio.CancelledError:
            with contextlib.suppress(LanguageServerError):
                self._send({"method": "$/cancelRequest", "params": {"id": number}})
            raise
        finally:
            self._waiting.pop(number, None)

    def _send(self, message: Mapping[str, object]) -> None:
        transport = self._transport
        stdin = None if transport is None else transport.get_pipe_transport(_STDIN)
        if not isinstance(stdin, asyncio.WriteTransport) or stdin.is_closing():
            raise LanguageServerError("it has ended")
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def _failed(self, problem: str) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(LanguageServerError(problem))
        self.close()

    def _receive(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        if "method" not in message:
            waiting = self._waiting.get(number) if isinstance(number, int) else None
            if waiting is not None and not waiting.done():
                if "result" in message:
                    waiting.set_result(message["result"])
                else:
                    waiting.set_exception(_refusal(message.get("error")))
        elif number is not None:
            self._send({"id": number, "result": self._answer(message)})

    def _answer(self, message: Mapping[str, Any]) -> object:
        if message["method"] != "workspace/configuration":
            return None
        items = message.get("params", {}).get("items", [])
        return [self._settings.get(item.get("section", "")) for item in items]


def _refusal(error: object) -> LanguageServerError:
    code = error.get("code") if isinstance(error, Mapping) else None
    if code in _BUSY:
        return _BusyError("it has no time to answer")
    return LanguageServerError("it refuses to answer")


class ServerOutput(asyncio.SubprocessProtocol):
    """Cuts what a server prints into messages.

    Args:
        receive: takes each; what it raises means that the message was no LSP.
        failed: is told why there will be no more.
    """

    def __init__(
        self, receive: Callable[[dict[str, Any]], None], failed: Callable[[str], None]
    ) -> None:
        self.exited = asyncio.Event()
        self._receive = receive
        self._failed = failed
        self._splitter = MessageSplitter()
        self._is_over = False

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """Handle what was read."""
        if fd != _STDOUT or self._is_over or isinstance(data, str):
            return
        try:
            for message in self._splitter.feed(data):
                if isinstance(message, Oversized):
                    self._end("it sends an endless message")
                    return
                self._receive(json.loads(message))
        except (FramingError, LanguageServerError, ValueError, RecursionError) as error:
            self._end(f"it sends what is no LSP ({type(error).__name__})")
        except (AttributeError, KeyError, TypeError):
            self._end("it sends what is no JSON-RPC")

    def process_exited(self) -> None:
        """Wake whoever waits for an answer."""
        self.exited.set()
        self._end("it has ended")

    def _end(self, problem: str) -> None:
        if not self._is_over:
            self._is_over = True
            self._failed(problem)
