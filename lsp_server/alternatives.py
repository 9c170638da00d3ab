"""Further suggestions where the user asks for what stands there already.

The first item stays the one that is shown; up to four more are looked for, one after another, until
there are enough or the time is over. Two kinds take turns: drawn at a temperature, each with a seed
of its own, and the likeliest text that begins with another token than all the others, so that even
where the model is sure there is something else. All but the first two are the network's alone:
where the workspace holds the line already, its expert would quote it again and again.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Final

from inference import Completion, CompletionRequest, MixlineError, Sampling
from lsp_server.engine_host import CompletionEngine, GenerationHandle
from lsp_server.postprocess.judge import judge
from lsp_server.postprocess.overlap import Insertion
from lsp_server.query import Outcome, Query
from lsp_server.result_cache import settled

MOST_ITEMS: Final = 5
_TEMPERATURE: Final = 0.8  # what assistants use for several
_TOP_P: Final = 0.95
_WITHIN_S: Final = 2.0
_MOST_ATTEMPTS: Final = 10
_QUOTING: Final = 2  # so many of them may quote the workspace

_log = logging.getLogger(__name__)
_Reply = Callable[[tuple[Insertion, ...]], None]


class Alternatives:
    """Knows what stands where, and draws for one request at a time; the event loop's own.

    Args:
        engine: gives the engine, or None while there is none.
    """

    def __init__(self, engine: Callable[[], CompletionEngine | None]) -> None:
        self._engine = engine
        self._standing: dict[str, tuple[str, Insertion]] = {}  # by document: prefix and what stands
        self._drawing: _Drawing | None = None

    def stands(self, query: Query, outcome: Outcome) -> bool:
        """Tell whether an answer stands at its place already; from now on it does."""
        former = self._standing.get(query.uri)
        if not isinstance(outcome, Insertion):
            self._standing.pop(query.uri, None)
            return False
        self._standing[query.uri] = query.request.prefix, outcome
        return former == self._standing[query.uri]

    def draw(self, query: Query, first: Insertion, reply: _Reply) -> None:
        """Reply with what stands there and others; with that alone if something else is asked."""
        self.stop()
        query = query.decided()
        self._drawing = _Drawing(query, query.gathered(), first, self._engine(), reply)
        self._drawing.go_on()

    def edited(self, uri: str) -> None:
        """Nothing stands any more in an edited or closed document."""
        self._standing.pop(uri, None)
        self.stop()

    def stop(self) -> None:
        """End what is under way within one token, and reply with what there is."""
        if self._drawing is not None:
            self._drawing.answer()
            self._drawing = None


class _Drawing:
    """The generations for one request, one after another."""

    def __init__(
        self,
        query: Query,
        request: CompletionRequest,
        first: Insertion,
        engine: CompletionEngine | None,
        reply: _Reply,
    ) -> None:
        self._query = query
        self._request = request
        self._items = [first]
        self._tried = [first.text]  # as they were written
        self._attempts = 0
        self._engine = engine
        self._reply: _Reply | None = reply
        self._handle: GenerationHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.call_later(_WITHIN_S, self.answer)

    def go_on(self) -> None:
        """Look for one more; reply if there are enough, or no others."""
        enough = len(self._items) == MOST_ITEMS or self._attempts == _MOST_ATTEMPTS
        if self._engine is None or enough:
            self.answer()
            return
        try:
            self._handle = handle = self._engine.submit(self._attempt())
        except MixlineError as error:
            _log.warning("the engine refused an alternative: %s", error)
            self.answer()
            return
        self._attempts += 1
        handle.future.add_done_callback(partial(self._from_engine, handle))

    def answer(self) -> None:
        """Reply once, and end what is under way."""
        self._deadline.cancel()
        reply, self._reply = self._reply, None
        if self._handle is not None:
            self._handle.cancel()
        if reply is not None:
            reply(tuple(self._items))

    def _attempt(self) -> CompletionRequest:
        request = replace(self._request, workspace_expert=self._attempts < _QUOTING)
        if self._attempts % 2:
            sampling = Sampling(temperature=_TEMPERATURE, top_p=_TOP_P, seed=self._attempts)
            return replace(request, sampling=sampling)
        return replace(request, sampling=Sampling(), unlike=tuple(self._tried))

    def _from_engine(self, handle: GenerationHandle, _: Future[Completion]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finished, handle)

    def _finished(self, handle: GenerationHandle) -> None:
        if self._reply is None:
            return
        if handle.future.exception() is None:
            completion = handle.future.result()
            self._tried.append(completion.text)
            self._add(settled(self._query.request, completion).text)
        self.go_on()

    def _add(self, text: str) -> None:
        request = self._query.request
        suffix = self._query.closers + request.suffix
        item = judge(text, request.prefix, suffix, single_line=not request.multi_line)
        if isinstance(item, Insertion) and _bare(item) not in map(_bare, self._items):
            self._items.append(item)


def _bare(item: Insertion) -> str:
    """Return a suggestion's text without blanks: others need more than those."""
    return "".join(item.text.split())
