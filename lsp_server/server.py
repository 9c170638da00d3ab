"""One client's language server: its session, its scheduler, its features."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from inference import CompletionRequest
from lsp_server.alternatives import Alternatives
from lsp_server.docstrings.watching import DocstringWatch, Stale
from lsp_server.document import Document, Point
from lsp_server.engine_host import EngineHost, EngineState
from lsp_server.fixes.ahead import Ahead
from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.lsp_edits import lsp_diagnostic
from lsp_server.fixes.publisher import Publisher
from lsp_server.fixes.search import Tools
from lsp_server.fixes.toolbox import Toolbox
from lsp_server.history.recorder import Recorder
from lsp_server.notebooks import SYNC
from lsp_server.positions import units_of_index
from lsp_server.postprocess.reject import RejectReason
from lsp_server.protocol import MixlineProtocol, converter
from lsp_server.query import Ready
from lsp_server.quoting import quotes_others
from lsp_server.read_ahead import ReadAhead, prefill_request
from lsp_server.rest import Rest
from lsp_server.scheduler import Scheduler
from lsp_server.session import Session
from lsp_server.shown_diagnostics import ShownDiagnostics

_log = logging.getLogger(__name__)
READY_NOTIFICATION = "mixline/ready"


class MixlineServer(LanguageServer):
    """Must be made inside a running event loop, in whose thread everything here happens.

    Args:
        host: where the engine is or will be.
        input_pending: whether the client has sent more than was read yet.
    """

    protocol: MixlineProtocol

    def __init__(self, host: EngineHost, input_pending: Callable[[], bool]) -> None:
        super().__init__(
            name="mixline",
            version=server_version(),
            protocol_cls=MixlineProtocol,
            converter_factory=converter,
            notebook_document_sync=SYNC,
        )
        self.host = host
        self.session = Session(self._is_busy)
        self.history = Recorder(lambda: self.session.settings, asyncio.get_running_loop())
        self.scheduler = Scheduler(
            lambda: host.engine, self._announce, input_pending, observer=self.history
        )
        self.alternatives = Alternatives(lambda: host.engine)
        self.read_ahead = ReadAhead(
            lambda: host.engine,
            self.session.document,
            lambda: self.scheduler.is_idle,
            self._next_request,
        )
        self.toolbox = Toolbox(lambda: host.engine)
        self.shown = ShownDiagnostics(self._publish)
        self.docstrings = DocstringWatch(self.session.to_mend, self._publish_stale)
        self.fixes = Ahead(self.session.to_check, self._tools, self.read_ahead.place)
        self.syntax = Publisher(
            self.session.to_check,
            lambda: self.session.settings.syntax_diagnostics,
            self._publish_syntax,
        )
        self.rest = Rest(asyncio.get_running_loop())
        self.on_close: list[Callable[[], None]] = []

    def close(self) -> None:
        """Stop all work of this client."""
        self.read_ahead.stop()
        self.fixes.stop()
        self.docstrings.stop()
        self.syntax.stop()
        self.toolbox.close()
        self.alternatives.stop()
        self.scheduler.stop()
        self.history.close()
        self.session.workspace.stop()
        self.rest.stop()
        for action in self.on_close:
            action()
        self.on_close.clear()

    def _tools(self, file: CheckedFile) -> Tools:
        return self.toolbox.tools(file, self.session.surroundings(file))

    def _publish(self, document: Document, found: Sequence[Diagnostic]) -> None:
        encoding = self.session.encoding
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(
                uri=document.uri,
                version=document.version,
                diagnostics=[lsp_diagnostic(document, one, encoding) for one in found],
            )
        )

    def _publish_stale(self, document: Document, stale: tuple[Stale, ...]) -> None:
        self.shown.show("docstrings", document, [one.diagnostic for one in stale])

    def _publish_syntax(self, document: Document, found: Sequence[Diagnostic]) -> None:
        self.shown.show("syntax", document, found)

    def _is_busy(self) -> bool:
        if self.host.status.state is EngineState.LOADING:
            return True
        engine = self.host.engine
        return engine is not None and engine.status().busy

    def report_server_error(self, error: Exception, source: Any) -> None:  # noqa: ANN401 - pygls' own type is a cycle
        """Log an error of a handler; pygls would show it to the user, source text included."""
        name = getattr(source, "__name__", "an error")
        _log.error("%s: %s", name, type(error).__name__)

    def _next_request(self, uri: str, cursor: Point) -> CompletionRequest | None:
        document = self.session.document(uri)
        if document is None or not self.session.settings.read_ahead:
            return None
        place = self.session.look_at(document, cursor)
        if isinstance(place, RejectReason) or self.host.engine is None:
            return None
        return prefill_request(place, quotes=quotes_others(place.settings, self.host.engine.info))

    def _announce(self, ready: Ready) -> None:
        line = ready.document.line(ready.cursor.line)
        character = units_of_index(line, ready.cursor.column, self.session.encoding)
        self.protocol.notify(
            READY_NOTIFICATION,
            {
                "uri": ready.document.uri,
                "version": ready.document.version,
                "position": {"line": ready.cursor.line, "character": character},
            },
        )


def server_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("mixline")
    except PackageNotFoundError:
        return "0+unknown"


def show_message(server: MixlineServer, kind: types.MessageType, message: str) -> None:
    """Show a sentence to the user."""
    server.window_show_message(types.ShowMessageParams(type=kind, message=message))
