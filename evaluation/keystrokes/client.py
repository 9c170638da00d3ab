"""An editor's side of the wire: one server process, its documents and requests for ghost text."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Self

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from evaluation.errors import ServerError
from evaluation.keystrokes.assistant import Suggestion, Work

_START_S: Final = 120.0  # a cold disk and a busy machine
_ANSWER_S: Final = 60.0
_READY: Final = "mixline/ready"
_LOG_BYTES: Final = 1 << 16


class EditorClient:
    """A client of `mixline serve`; an asynchronous context manager.

    Args:
        model: model directory.
        root: the workspace folder.
        on_ready: told version, line and character of a result that came late.
    """

    def __init__(self, model: Path, root: Path, on_ready: Callable[[int, int, int], None]) -> None:
        self._model = model
        self._root = root
        self._client = LanguageClient("mixline-bench", "1")
        self._on_ready = on_ready
        self._version = 0
        self._requests = 0
        self._unanswered = 0
        self.name = ""

        def ready(params: Any) -> None:  # noqa: ANN401 - pygls makes an object of any JSON
            self._on_ready(params.version, params.position.line, params.position.character)

        self._client.feature(_READY)(ready)

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    @property
    def _process(self) -> asyncio.subprocess.Process:
        server = self._client._server  # noqa: SLF001 - pygls does not say it otherwise
        if server is None:
            raise ServerError("expected a running server, found none; use the client in `with`")
        return server

    async def __aenter__(self) -> Self:
        arguments = ("-m", "mixline", "serve", "--stdio", "--model", str(self._model))
        await self._client.start_io(sys.executable, "-P", *arguments)
        # Behind a log that nobody reads asyncio waits for ever for the end of the process.
        self._log = asyncio.create_task(_discard(self._process.stderr))
        uri = self._root.as_uri()
        await self._client.initialize_async(
            types.InitializeParams(
                capabilities=types.ClientCapabilities(
                    text_document=types.TextDocumentClientCapabilities(
                        inline_completion=types.InlineCompletionClientCapabilities()
                    )
                ),
                # Nothing of the user's may show in the figures, nor the other way round.
                initialization_options={"settings": {"history": False}},
                root_uri=uri,
                workspace_folders=[types.WorkspaceFolder(uri=uri, name=self._root.name)],
            )
        )
        self._client.initialized(types.InitializedParams())
        async with asyncio.timeout(_START_S):
            while (status := await self._status()).state == "loading":  # noqa: ASYNC110 - no other way to know
                await asyncio.sleep(0.05)
        if status.state != "ready":
            raise ServerError(f"expected a server that is ready, it is {status.state}")
        self.name = str(status.model.name)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.shutdown_async(None)
        self._client.exit(None)
        await self._client.stop()  # type: ignore[no-untyped-call]
        await self._log

    async def work(self) -> Work:
        """Return what was done so far."""
        engine = (await self._status()).engine
        return Work(
            busy=bool(engine.busy or engine.waiting or self._unanswered),
            prompt_tokens=engine.prompt_tokens,
            cached_tokens=engine.cached_tokens,
            generated_tokens=engine.generated_tokens,
        )

    async def _status(self) -> Any:  # noqa: ANN401 - pygls makes an object of any JSON
        try:
            async with asyncio.timeout(_ANSWER_S):
                return await self._client.protocol.send_request_async("mixline/status", {})
        except TimeoutError:
            raise ServerError(
                f"expected a server that answers, it was silent for {_ANSWER_S:g} s; run"
                " `mixline doctor`"
            ) from None

    def open(self, uri: str, text: str) -> int:
        """Open a document and return its version."""
        self._version += 1
        item = types.TextDocumentItem(
            uri=uri, language_id="python", version=self._version, text=text
        )
        self._client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))
        return self._version

    def close(self, uri: str) -> None:
        """Close a document."""
        identifier = types.TextDocumentIdentifier(uri=uri)
        self._client.text_document_did_close(
            types.DidCloseTextDocumentParams(text_document=identifier)
        )

    def change(self, uri: str, start: types.Position, end: types.Position, text: str) -> int:
        """Replace a part of a document and return its version."""
        self._version += 1
        self._client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                text_document=types.VersionedTextDocumentIdentifier(uri=uri, version=self._version),
                content_changes=[
                    types.TextDocumentContentChangePartial(
                        range=types.Range(start=start, end=end), text=text
                    )
                ],
            )
        )
        return self._version

    def ask(
        self,
        uri: str,
        position: types.Position,
        *,
        invoked: bool,
        answered: Callable[[Suggestion | None], None],
    ) -> str:
        """Ask for ghost text and return the request's id; `answered` is called in the event loop.

        A request that fails or is cancelled is answered with None.
        """
        self._requests += 1
        identifier = f"ghost-{self._requests}"
        kinds = types.InlineCompletionTriggerKind

        def done(future: Future[Any]) -> None:
            self._unanswered -= 1
            answer = None if future.exception() else future.result()
            items = answer.items if isinstance(answer, types.InlineCompletionList) else answer
            answered(_suggestion(items[0], position) if items else None)

        future = self._client.protocol.send_request(
            types.TEXT_DOCUMENT_INLINE_COMPLETION,
            types.InlineCompletionParams(
                text_document=types.TextDocumentIdentifier(uri=uri),
                position=position,
                context=types.InlineCompletionContext(
                    trigger_kind=kinds.Invoked if invoked else kinds.Automatic
                ),
            ),
            msg_id=identifier,
        )
        self._unanswered += 1
        future.add_done_callback(done)
        return identifier

    def withdraw(self, identifier: str) -> None:
        """Cancel a request."""
        self._client.cancel_request(types.CancelParams(id=identifier))


def _suggestion(item: types.InlineCompletionItem, position: types.Position) -> Suggestion:
    absorbed = 0 if item.range is None else item.range.end.character - position.character
    return Suggestion(text=str(item.insert_text), absorbed=absorbed)


async def _discard(stream: asyncio.StreamReader | None) -> None:
    while stream is not None and await stream.read(_LOG_BYTES):
        pass
