"""What comes after a suggestion is accepted, generated while the suggestion stands.

A suggestion that is shown to the end of its line is likely to be accepted, or typed. So the engine,
which has nothing else to do, goes on from there: with the next line, or with the block that the
suggestion opens. The result waits in the cache for the request that follows the acceptance; a
request that comes earlier waits for the generation. An edit that disagrees with the suggestion ends
it within one token, and so does any other generation.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from inference import Completion, CompletionRequest, MixlineError, Priority
from lsp_server.document import Document, Edit
from lsp_server.engine_host import CompletionEngine, GenerationHandle
from lsp_server.postprocess.overlap import Insertion
from lsp_server.query import Query
from lsp_server.result_cache import ResultCache, settled
from lsp_server.running import Running
from lsp_server.syntax.place import Kind

_log = logging.getLogger(__name__)


class _Continued:
    """A generation behind a text that is shown already, as one."""

    def __init__(self, shown: str, handle: GenerationHandle) -> None:
        self._shown = shown
        self._handle = handle

    @property
    def future(self) -> Future[Completion]:
        return self._handle.future

    def cancel(self) -> None:
        self._handle.cancel()

    def snapshot(self) -> Completion:
        so_far = self._handle.snapshot()
        return replace(so_far, text=self._shown + so_far.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ahead:
    """One generation from where a suggestion ends."""

    along: Running  # from where the suggestion was shown: what the document is compared with
    request: CompletionRequest
    handle: GenerationHandle


class Speculation:
    """At most one generation ahead for each document; lives in the event loop's thread.

    Args:
        engine: gives the engine, or None while there is none.
        cache: where results go.
    """

    def __init__(self, engine: Callable[[], CompletionEngine | None], cache: ResultCache) -> None:
        self._engine = engine
        self._cache = cache
        self._loop = asyncio.get_running_loop()
        self._ahead: dict[str, _Ahead] = {}

    def __bool__(self) -> bool:
        return bool(self._ahead)

    def start(self, query: Query, shown: Insertion) -> None:
        """Go on behind a suggestion that was just shown; nothing happens if that is done already.

        Args:
            query: what was answered.
            shown: the answer.
        """
        request = request_behind(query, shown)
        engine = self._engine()
        if request is None or engine is None:
            return
        known = self._ahead.get(query.uri)
        if known is not None and known.request.prefix == request.prefix:
            return
        if self._cache.find(request) is not None:
            return
        self.stop(query.uri)
        try:
            request = query.limited(request)
            handle = engine.submit(query.gathered(request))
        except MixlineError as error:
            _log.warning("the engine refused to go on behind a suggestion: %s", error)
            return
        along = Running(query, _Continued(shown.text, handle))
        ahead = _Ahead(along=along, request=request, handle=handle)
        self._ahead[query.uri] = ahead
        handle.future.add_done_callback(lambda _: self._from_engine(ahead))

    def follow(self, document: Document, edits: Sequence[Edit]) -> None:
        """End the generation if an edit disagrees with the suggestion or with what follows it."""
        ahead = self._ahead.get(document.uri)
        if ahead is not None and not ahead.along.follow(document, edits):
            self.stop(document.uri)

    def take(self, query: Query) -> Running | None:
        """Return the generation for a request that has come to where it began, or further along.

        One that the request disagrees with is ended; one that it has not reached yet goes on.
        """
        ahead = self._ahead.get(query.uri)
        if ahead is None:
            return None
        request = query.request
        if not ahead.along.agrees_with(request.prefix, request.suffix, ahead.along.written().text):
            self.stop(query.uri)
            return None
        if len(request.prefix) < len(ahead.request.prefix):
            return None
        del self._ahead[query.uri]
        running = Running(replace(query, request=ahead.request), ahead.handle)
        running.attach(query)
        return running

    def stop(self, uri: str | None = None) -> None:
        """End the generation of a document, or all."""
        for document in [uri] if uri is not None else list(self._ahead):
            if (ahead := self._ahead.pop(document, None)) is not None:
                ahead.handle.cancel()

    def _from_engine(self, ahead: _Ahead) -> None:
        """Pass the end of a generation from the engine's thread to ours."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ended, ahead)

    def _ended(self, ahead: _Ahead) -> None:
        if self._ahead.get(ahead.request.document) is not ahead:
            return  # it was stopped, or somebody waits for it
        del self._ahead[ahead.request.document]
        if ahead.handle.future.exception() is None:
            self._cache.put(settled(ahead.request, ahead.handle.future.result()))


def request_behind(query: Query, shown: Insertion) -> CompletionRequest | None:
    """Return what to ask for where a suggestion ends; None where it does not end its line.

    A line that is complete goes on with the next one, so the text may have several.
    """
    rest = query.closers[shown.absorbed :] + query.request.suffix.partition("\n")[0]
    if shown.absorbed > len(query.closers) or rest.strip():
        return None
    if not query.several_lines or query.syntax.kind is not Kind.CODE:
        return None
    return replace(
        query.request,
        prefix=query.request.prefix + shown.text,
        multi_line=True,
        require_text=False,
        priority=Priority.BACKGROUND,
    )
