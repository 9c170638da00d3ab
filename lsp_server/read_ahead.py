"""Reads the prompt of the likely next request into the KV cache while the user rests.

No message of LSP tells where the cursor is. The likely next place is that of the last request or
edit; in a document that was just opened, the one where it was left, else its end. The work is done
once for a document's version and place, a little after the last message, and ends within a chunk
of the prompt when a request comes. Between two states of the documents there is nothing to do.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from inference import CompletionRequest, MixlineError, Priority
from lsp_server.completion import build_request
from lsp_server.document import Document, Point
from lsp_server.engine_host import CompletionEngine, GenerationHandle
from lsp_server.postprocess.judge import may_ask
from lsp_server.session import Place
from lsp_server.syntax.guard import SyntaxGuard

REST_S = 0.5  # people who type pause less
_MOST_TRIES = 20  # while the engine is busy with something else
_REMEMBERED_PLACES = 64


@dataclass(frozen=True, slots=True)
class _State:
    """What is read once."""

    uri: str
    version: int
    cursor: Point


class ReadAhead:
    """Waits for a rest; lives in the event loop's thread.

    Args:
        engine: gives the engine, or None while there is none.
        document: gives an open document.
        is_idle: whether no request or generation is under way.
        request: what to read at a place, or None if there is nothing to read.
    """

    def __init__(
        self,
        engine: Callable[[], CompletionEngine | None],
        document: Callable[[str], Document | None],
        is_idle: Callable[[], bool],
        request: Callable[[str, Point], CompletionRequest | None],
    ) -> None:
        self._engine = engine
        self._document = document
        self._is_idle = is_idle
        self._request = request
        self._places: OrderedDict[str, Point] = OrderedDict()  # also of closed documents
        self._timer: asyncio.TimerHandle | None = None
        self._handle: GenerationHandle | None = None
        self._last: _State | None = None

    def touched(self, uri: str, cursor: Point | None = None) -> None:
        """Note that a document is in use, and where; None if that is not known."""
        if cursor is not None:
            self._places[uri] = cursor
            self._places.move_to_end(uri)
            if len(self._places) > _REMEMBERED_PLACES:
                self._places.popitem(last=False)
        self.stop()
        self._wait(uri, _MOST_TRIES)

    @property
    def is_under_way(self) -> bool:
        """Whether it waits for a rest, or reads."""
        reads = self._handle is not None and not self._handle.future.done()
        return reads or self._timer is not None

    def place(self, uri: str) -> Point | None:
        """Return where a document was last in use."""
        return self._places.get(uri)

    def stop(self) -> None:
        """Forget what was planned, and end what is under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _wait(self, uri: str, tries: int) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(REST_S, self._rested, uri, tries)

    def _rested(self, uri: str, tries: int) -> None:
        self._timer = None
        engine, document = self._engine(), self._document(uri)
        if document is None:
            return
        if engine is None or not self._is_idle() or engine.status().busy:
            if tries > 0:
                self._wait(uri, tries - 1)
            return
        state = _State(uri, document.version, _inside(document, self._places.get(uri)))
        if state == self._last:
            return
        self._last = state
        request = self._request(uri, state.cursor)
        if request is None:
            return
        try:
            self._handle = engine.submit(request)
        except MixlineError:  # closed meanwhile
            return


def prefill_request(place: Place, *, quotes: bool) -> CompletionRequest | None:
    """Return what reads the prompt of the next request at a place; None if there will be none.

    Nobody waits, so the prompt may become new: the suffix is shown as it is from now on, and what
    is quoted of other files is gathered anew.

    Args:
        place: of the likely request.
        quotes: whether other files are quoted at all.
    """
    window = place.window
    if may_ask(window.suffix) is not None:
        return None
    syntax = SyntaxGuard(place.trees, place.document, place.cursor, place.path)
    request = build_request(
        document=place.document.uri,
        path=place.path,
        earlier=place.earlier,
        prefix=window.prefix,
        suffix=window.suffix,
        settings=place.settings,
        explicit=False,
        syntax=syntax,
        snippets=place.renew_snippets(syntax) if quotes else (),
    )
    return replace(
        request,
        shown_suffix=place.shown.renew(request.document, request.suffix),
        borders=syntax.borders(len(request.prefix)),
        priority=Priority.BACKGROUND,
        prefill_only=True,
    )


def _inside(document: Document, cursor: Point | None) -> Point:
    """Return a place in the document, its end if none is known."""
    last = len(document.lines) - 1
    if cursor is None or cursor.line > last:
        return Point(last, len(document.line(last)))
    return Point(cursor.line, min(cursor.column, len(document.line(cursor.line))))
