"""A language server of our own over stdio, kept warm: it gets texts and is asked what is wrong.

Diagnostics are pulled (`textDocument/diagnostic`, LSP 3.17), so that an answer belongs to exactly
the text that was sent; a server that cannot be asked is no use here.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lsp_server.document import Document
from lsp_server.fixes.checkers.server_process import LanguageServerError, ServerProcess

_ASK_AGAIN_S: Final = 0.05
# LSP 3.17: RequestCancelled (by nobody but the server), ContentModified, ServerCancelled.
_BUSY: Final = frozenset({-32800, -32801, -32802})


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
        self._folder = folder
        self._settings = settings
        self._process = ServerProcess(command, variables, self._receive)
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
        async with self._process.turn(limit_s) as is_new:
            if is_new:
                await self._initialize()
            self._tell(document, others)
            answer = await self._diagnose(document.uri)
        items = answer.get("items") if isinstance(answer, Mapping) else None
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise LanguageServerError("it does not say what is wrong when it is asked")
        return items

    def close(self) -> None:
        """End the server with all that it has started."""
        self._process.close()

    async def wait_closed(self) -> None:
        """Wait until the servers that were ended are gone."""
        await self._process.wait_closed()

    async def _initialize(self) -> None:
        self._open.clear()
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
        asked: list[int] = []

        def send(number: int) -> None:
            asked.append(number)
            self._send({"id": number, "method": method, "params": params})

        try:
            return await self._process.ask(send)
        except asyncio.CancelledError:
            with contextlib.suppress(LanguageServerError):
                self._send({"method": "$/cancelRequest", "params": {"id": asked[0]}})
            raise

    def _send(self, message: Mapping[str, object]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.send(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def _receive(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        if "method" not in message:
            is_answer = "result" in message
            outcome = message["result"] if is_answer else _refusal(message.get("error"))
            self._process.settle(number, outcome)
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
