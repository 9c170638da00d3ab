"""Decides which generation runs for which request, and when each request is answered.

A request and a generation are two things. The newest request of a document and method is the only
one that waits; older ones are answered at once, before it. A generation lives while the document
agrees with it, also without a request (its afterlife, limited in time), and its result is cached.
All methods run in the event loop's thread and none of them blocks.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from inference import FinishReason, MixlineError
from lsp_server.burst import Burst
from lsp_server.document import Document, Edit
from lsp_server.engine_host import CompletionEngine
from lsp_server.pending import Observer, Pending
from lsp_server.postprocess.closers import hidden_closers
from lsp_server.postprocess.overlap import Insertion
from lsp_server.postprocess.reject import RejectReason
from lsp_server.postprocess.trim import complete_lines
from lsp_server.query import Outcome, Query, Ready
from lsp_server.result_cache import Result, ResultCache, settled
from lsp_server.running import Running
from lsp_server.speculation import Speculation
from lsp_server.standing import Standings
from lsp_server.verdict import verdict

_log = logging.getLogger(__name__)
_WATCH_INTERVAL_S = 0.015
_MS = 1e-3


class Scheduler:
    """The life cycle of requests and generations of one session.

    Args:
        engine: gives the engine, or None while there is none.
        announce: tells the client of a result that came late.
        input_pending: whether the client has sent more than was read yet.
        observer: is told of every answer.
    """

    def __init__(
        self,
        engine: Callable[[], CompletionEngine | None],
        announce: Callable[[Ready], None],
        input_pending: Callable[[], bool],
        observer: Observer | None = None,
    ) -> None:
        self._engine = engine
        self._announce = announce
        self._input_pending = input_pending
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._pending: dict[tuple[str, str], Pending] = {}
        self._running: dict[str, Running] = {}
        self._bursts: dict[str, Burst] = {}
        self._announced: dict[str, Ready] = {}  # and not asked for yet
        self._cache = ResultCache()
        self._standings = Standings()
        self._speculation = Speculation(engine, self._cache)
        self._stopped = False
        self.outcomes: Counter[str] = Counter()

    def ask(self, query: Query, reply: Callable[[Outcome], None]) -> Pending:
        """Take a request; `reply` is called once, unless the request is withdrawn."""
        self.supersede(query.uri, query.method)
        query = self._as_announced(query)
        now = self._loop.time()
        burst = self._bursts.setdefault(query.uri, Burst())
        burst.arrived(now)
        pending = Pending(query, reply, now)
        self._pending[query.uri, query.method] = pending
        if query.answer_within_ms is not None:
            within_s = query.answer_within_ms * _MS
            pending.deadline = self._loop.call_later(within_s, self._out_of_time, pending)
        self._route(pending, burst.quiet_s)
        return pending

    def supersede(self, uri: str, method: str) -> None:
        """Answer a document's waiting request of one method, which is out of date."""
        if (older := self._pending.get((uri, method))) is not None:
            self._answer(older, RejectReason.SUPERSEDED)
            self._let_go(uri)

    def withdraw(self, pending: Pending) -> None:
        """Forget a request that the client has cancelled; its generation lives on for a while."""
        if pending.answered:
            return
        self._close(pending)
        self.outcomes["cancelled"] += 1
        self._let_go(pending.query.uri)

    def document_changed(self, document: Document, edits: Sequence[Edit]) -> None:
        """Follow an edit: requests at the old text are answered, a contradicted generation dies."""
        if not edits:
            return
        uri = document.uri
        self._answer_all(uri, RejectReason.SUPERSEDED)
        self._speculation.follow(document, edits)
        self._standings.edited(uri, edits)
        running = self._running.get(uri)
        if running is None:
            return
        if running.follow(document, edits):
            self._watch(running)
        else:
            self._kill(running)

    def document_closed(self, uri: str) -> None:
        """Drop everything about a document."""
        self._answer_all(uri, RejectReason.SUPERSEDED)
        self._speculation.stop(uri)
        if (running := self._running.get(uri)) is not None:
            self._kill(running)
        self._cache.forget(uri)
        self._standings.forget(uri)
        self._bursts.pop(uri, None)
        self._announced.pop(uri, None)

    def settings_changed(self) -> None:
        """Forget results that were made with other settings."""
        self._cache.clear()
        self._standings.clear()
        self._speculation.stop()
        for running in list(self._running.values()):
            if not self._waiting(running.request.document):
                self._kill(running)

    def make_way(self, uri: str | None = None) -> None:
        """End generations that nobody waits for, except for `uri`: the engine is needed."""
        self._speculation.stop()
        for running in list(self._running.values()):
            other = running.request.document
            if other != uri and not self._waiting(other):
                self._kill(running)

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits and nothing is generated."""
        return not (self._pending or self._running or self._speculation)

    def stop(self) -> None:
        """End all work; nothing is answered any more."""
        self._stopped = True
        self._speculation.stop()
        for pending in list(self._pending.values()):
            self._close(pending)
        for running in list(self._running.values()):
            self._kill(running)

    def _route(self, pending: Pending, quiet_s: float) -> None:
        """Answer from the cache, wait for the running generation, or start one."""
        query, request = pending.query, pending.query.request
        running = self._running.get(query.uri)
        if running is not None:
            if running.agrees_with(request.prefix, request.suffix, running.written().text):
                running.attach(query)
            else:
                self._kill(running, keep=pending)
                running = None
        elif (running := self._speculation.take(query)) is not None:
            self._enter(running)
        if query.refused is not None:
            self._answer(pending, query.refused)
            self._let_go(query.uri)
        elif (standing := self._standings.answer(query)) is not None:
            self._answer_standing(pending, *standing)
            self._let_go(query.uri)
        elif (result := self._cache.find(request)) is not None:
            self._answer_from(pending, result)
            self._let_go(query.uri)
        elif running is not None:
            _stop(running.orphan_timer)
            self._watch(running)
        elif quiet_s > 0:
            pending.start_timer = self._loop.call_later(
                quiet_s, self._start_when_quiet, pending, quiet_s
            )
        else:
            self._start(pending)

    def _start_when_quiet(self, pending: Pending, quiet_s: float) -> None:
        self._route(pending, quiet_s if self._input_pending() else 0.0)

    def _start(self, pending: Pending) -> None:
        query = pending.query
        engine = self._engine()
        if engine is None:
            self._answer(pending, RejectReason.LOADING)
            return
        self.make_way(query.uri)
        query = query.decided()
        try:
            handle = engine.submit(query.gathered())
        except MixlineError as error:
            _log.warning("the engine refused a request: %s", error)
            self._answer(pending, RejectReason.FAILED)
            return
        self._enter(Running(query, handle))

    def _enter(self, running: Running) -> None:
        """Take a generation into care: its end will be heard of."""
        self._running[running.request.document] = running
        running.handle.future.add_done_callback(lambda _: self._from_engine(running))

    def _from_engine(self, running: Running) -> None:
        """Pass the end of a generation from the engine's thread to ours."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finished, running)

    def _finished(self, running: Running) -> None:
        if running.killed:
            return
        self._forget(running)
        uri = running.request.document
        if (error := running.handle.future.exception()) is not None:
            _log.warning("a generation failed: %s", _without_text(error))
            self._answer_all(uri, RejectReason.FAILED)
            return
        completion = running.handle.future.result()
        result = settled(running.request, completion)
        if result.text or completion.finish_reason is not FinishReason.CANCELLED:
            self._cache.put(result)
        waiting = self._waiting(uri)
        for pending in waiting:
            self._route(pending, self._bursts[uri].quiet_s)
        if not waiting:
            self._announce_late(running, result)

    def _announce_late(self, running: Running, result: Result) -> None:
        if not running.query.announce:
            return
        query = running.query
        if running.document is not query.document:
            rest = running.document.line(running.cursor.line)[running.cursor.column :]
            query = replace(query, closers=hidden_closers(rest))
        syntax = query.syntax.at(running.document, running.cursor)
        outcome = verdict(query, result, running.expected, syntax).outcome
        if isinstance(outcome, RejectReason) or running.shown == (running.expected, outcome):
            return
        ready = Ready(document=running.document, cursor=running.cursor)
        self._announced[running.request.document] = ready
        self._standings.forget(running.request.document)  # there is something better
        self._announce(ready)

    def _as_announced(self, query: Query) -> Query:
        """Return a query as it is meant: the client asks for what it was told of, not the user."""
        ready = self._announced.pop(query.uri, None)
        if ready is None or ready.document is not query.document or ready.cursor != query.cursor:
            return query
        return query.automatic()

    def _answer_from(self, pending: Pending, result: Result) -> None:
        query = pending.query
        found = verdict(query, result, query.request.prefix, query.syntax)
        self._answer(pending, found.outcome, result)
        if isinstance(found.outcome, Insertion):
            self._standings.shown(query, found.outcome, result, found.end)
            if query.uri not in self._running:
                self._speculation.start(query, found.outcome)

    def _answer_standing(self, pending: Pending, outcome: Outcome, result: Result) -> None:
        """Answer with what stands there; what is generated meanwhile goes on."""
        running = self._running.get(pending.query.uri)
        if running is not None and isinstance(outcome, Insertion):
            running.shown = (pending.query.request.prefix, outcome)
        self._answer(pending, outcome, result)

    def _out_of_time(self, pending: Pending) -> None:
        """Answer with the complete lines that exist; the generation goes on."""
        uri = pending.query.uri
        running = self._running.get(uri)
        if running is None:
            self._answer(pending, RejectReason.NOT_READY)
            return
        so_far = running.written()
        lines = complete_lines(so_far.text)
        result = Result(request=running.request, completion=so_far, text=lines)
        prefix = pending.query.request.prefix
        outcome: Outcome = RejectReason.NOT_READY
        if (result.rest_at(prefix, running.request.suffix) or "").strip():
            found = verdict(pending.query, result, prefix, pending.query.syntax)
            outcome = found.outcome
            if isinstance(outcome, Insertion):
                self._standings.shown(pending.query, outcome, result, found.end)
                running.shown = (prefix, outcome)
        self._answer(pending, outcome, result)
        self._let_go(uri)

    def _watch(self, running: Running) -> None:
        """While more was typed than is generated, look whether the two still agree."""
        _stop(running.watch_timer)
        running.watch_timer = None
        text = running.written().text
        if not running.still_agrees(text):
            self._diverged(running)
        elif running.is_ahead(text):
            running.watch_timer = self._loop.call_later(_WATCH_INTERVAL_S, self._watch, running)

    def _diverged(self, running: Running) -> None:
        """Drop a generation that writes something else than the user; who waits starts anew."""
        uri = running.request.document
        waiting = self._waiting(uri)
        self._forget(running)
        running.killed = True
        running.handle.cancel()
        for pending in waiting:
            self._route(pending, self._bursts[uri].quiet_s)

    def _kill(self, running: Running, keep: Pending | None = None) -> None:
        """End a generation within one token, and every request that waits for it except `keep`."""
        self._forget(running)
        running.killed = True
        running.handle.cancel()
        for pending in self._waiting(running.request.document):
            if pending is not keep:
                self._answer(pending, RejectReason.SUPERSEDED)

    def _let_go(self, uri: str) -> None:
        """Limit the life of a generation that nobody waits for."""
        running = self._running.get(uri)
        if running is None or self._waiting(uri):
            return
        _stop(running.orphan_timer)
        afterlife_s = running.query.afterlife_ms * _MS
        running.orphan_timer = self._loop.call_later(afterlife_s, running.handle.cancel)

    def _forget(self, running: Running) -> None:
        _stop(running.orphan_timer)
        _stop(running.watch_timer)
        uri = running.request.document
        if self._running.get(uri) is running:
            del self._running[uri]

    def _waiting(self, uri: str) -> list[Pending]:
        return [pending for (other, _), pending in self._pending.items() if other == uri]

    def _answer_all(self, uri: str, outcome: Outcome) -> None:
        for pending in self._waiting(uri):
            self._answer(pending, outcome)
        self._let_go(uri)

    def _answer(self, pending: Pending, outcome: Outcome, result: Result | None = None) -> None:
        self._close(pending)
        latency_ms = (self._loop.time() - pending.arrived_s) / _MS
        name = "shown" if isinstance(outcome, Insertion) else outcome.value
        self.outcomes[name] += 1
        _log.info(
            "%s %s: %s, %d tokens, %.0f ms",
            pending.query.method,
            "invoked" if pending.query.explicit else "automatic",
            name,
            result.completion.tokens if result else 0,
            latency_ms,
        )
        if self._observer is not None:
            self._observer.answered(pending.query, outcome, result, latency_ms)
        pending.reply(outcome)

    def _close(self, pending: Pending) -> None:
        pending.stop_timers()
        pending.answered = True
        key = (pending.query.uri, pending.query.method)
        if self._pending.get(key) is pending:
            del self._pending[key]


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def _without_text(error: BaseException) -> str:
    """Return what may be logged: our own sentence, but of a foreign error its kind alone."""
    return str(error) if error.__cause__ is None else type(error.__cause__).__name__
