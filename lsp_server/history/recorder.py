"""Watches one session: answers and edits become records, which the writer takes."""

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Final, Protocol

from inference import CompletionRequest
from lsp_server.document import Document, Edit, Point
from lsp_server.history.calendar import DAY_S, Calendar
from lsp_server.history.calibration import BAND, log_odds, probability
from lsp_server.history.change import change_between
from lsp_server.history.kept import AFTER_S, KeptText
from lsp_server.history.records import (
    Confirmed,
    Judged,
    Record,
    Shown,
    Silence,
    Verdict,
    new_id,
    time_of,
)
from lsp_server.history.statistics import Statistics, read_statistics
from lsp_server.history.suggestion import OpenSuggestion
from lsp_server.history.writer import Writer
from lsp_server.postprocess.closers import only_closers
from lsp_server.postprocess.confidence import confidence, doubted
from lsp_server.postprocess.doubt import Doubt
from lsp_server.postprocess.judge import Gate
from lsp_server.postprocess.overlap import Insertion
from lsp_server.postprocess.reject import RejectReason
from lsp_server.query import Outcome, Query
from lsp_server.result_cache import Result
from lsp_server.settings import Settings

_MOST_KEPT: Final = 64  # accepted texts that are watched over at a time
_EXPLORED: Final = 0.02  # share of the places under the threshold where something is shown
_PLACE_BEFORE: Final = 200  # characters before the cursor that tell one place from another
_LIST: Final = "textDocument/completion"


class Timers(Protocol):
    """What is needed of an event loop."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> asyncio.TimerHandle:
        """Call back after some seconds."""

    def time(self) -> float:
        """Return seconds of a clock that nobody sets."""


class Recorder:
    """Keeps the history of one session; lives in the event loop's thread and never waits.

    Args:
        settings: as they are at the moment.
        timers: the event loop.
        writer: where records go; None for one of its own.
    """

    def __init__(
        self, settings: Callable[[], Settings], timers: Timers, writer: Writer | None = None
    ) -> None:
        self._settings = settings
        self._timers = timers
        self._writer = writer or Writer(lambda: settings().history)
        self._calendar = Calendar()
        self._open: dict[str, OpenSuggestion] = {}
        self._kept: dict[str, list[KeptText]] = {}
        self._typed: dict[str, tuple[Point, Judged]] = {}  # the next edit tells more of them

    def gate(self, settings: Settings, language: str) -> Gate:
        """Return what a suggestion must pass: the setting, as the user's verdicts read it."""
        minimum = settings.minimum_confidence
        if not (settings.history and settings.adapt_to_me):
            return Gate(minimum_confidence=minimum)
        self._writer.start()
        learned = self._writer.learned
        if learned is None:
            return Gate(minimum_confidence=minimum)
        own = learned.calibrations.of(language).threshold(minimum)
        explored = min(own, probability(log_odds(own) - BAND))
        return Gate(
            minimum_confidence=own,
            explored_confidence=explored,
            explores=lambda request: is_explored(request, learned.salt),
        )

    def answered(
        self, query: Query, outcome: Outcome, result: Result | None, latency_ms: float
    ) -> None:
        """Note what a request was answered."""
        if not self._settings().history or outcome in {
            RejectReason.SUPERSEDED,
            RejectReason.SECRET,
        }:
            return
        if isinstance(outcome, Insertion):
            if result is not None:
                self._shown(query, outcome, result, latency_ms)
            return
        self._put(
            Silence(
                day=max(int(self._now() // DAY_S), 0),
                language=query.document.language,
                reason=outcome.value,
            )
        )
        self._end(query.uri, Verdict.WITHDRAWN)

    def edited(self, before: Document, after: Document, edit: Edit) -> None:
        """Note one edit of a document."""
        self._settle(after.uri, after, edit)
        suggestion, kept = self._open.get(after.uri), self._kept.get(after.uri, [])
        if suggestion is None and not kept:
            return
        now = self._timers.time()
        self._look(now)
        change = change_between(before, after, edit, suggestion.at if suggestion else None)
        if change is None:
            return
        for text in kept:
            text.follow(change, after)
        if suggestion is None:
            return
        taken = suggestion.follow(change, now)
        if taken is not None:
            self._keeper(after.uri, suggestion.id, now).add(taken)
        if suggestion.ended:
            del self._open[after.uri]
            judged = _judged(suggestion, now)
            if judged.verdict is Verdict.TYPED:
                self._typed[after.uri] = (suggestion.at, judged)
            else:
                self._put(judged)

    def closed(self, uri: str) -> None:
        """Note that a document was closed, or is opened anew."""
        self._settle(uri)
        self._end(uri, Verdict.LEFT)
        self._look(self._timers.time())
        for text in self._kept.pop(uri, []):
            self._put(text.close())

    def accept_command_id(self, uri: str) -> str | None:
        """Return what an item's command has to bring back to confirm an accept."""
        suggestion = self._open.get(uri)
        return None if suggestion is None else str(suggestion.id)

    def confirmed(self, suggestion_id: int) -> None:
        """Note that the client has run an item's command."""
        self._put(Confirmed(id=suggestion_id))

    def statistics(self) -> "Future[Statistics]":
        """Read everything, from a thread of its own, what is still to be written included."""
        return self._writer.ask(read_statistics)

    def close(self) -> None:
        """Note that all documents are closed, and write."""
        for uri in {*self._open, *self._kept, *self._typed}:
            self.closed(uri)
        self._writer.close()

    def _shown(self, query: Query, outcome: Insertion, result: Result, latency_ms: float) -> None:
        request, document, cursor = query.request, query.document, query.cursor
        own_prefix = query.window.prefix
        if not request.prefix.startswith(own_prefix):
            # An entry of the editor's list changes what is typed already.
            self._end(query.uri, Verdict.WITHDRAWN)
            return
        borrowed = request.prefix[len(own_prefix) :]
        text = borrowed + outcome.text
        absorbed = query.window.suffix[: outcome.absorbed]
        suggestion = self._open.get(query.uri)
        if suggestion is not None:
            between = _between(document, suggestion.at, cursor)
            if suggestion.continues(cursor, between, text, absorbed):
                return
            self._end(query.uri, Verdict.WITHDRAWN if suggestion.at == cursor else Verdict.LEFT)
        typed = len(request.prefix) - len(result.request.prefix)
        doubt = Doubt(request.prefix, query.closers + request.suffix, query.syntax)
        sure = doubted(
            confidence(result.completion, typed, shown_end(result, typed, outcome.text)),
            doubt(outcome.text),
        )
        shown = Shown(
            id=new_id(self._now()),
            document=query.uri,
            place=_place(request),
            language=document.language,
            kind=query.syntax.kind.name.lower(),
            line_start=not own_prefix.rpartition("\n")[2].strip(),
            list_entry=query.method == _LIST,
            explicit=query.explicit,
            explored=not query.explicit and sure < query.gate.minimum_confidence,
            characters=len(outcome.text),
            lines=outcome.text.count("\n") + 1,
            confidence=sure,
            foretold=result.completion.drafted_tokens / max(result.completion.tokens, 1),
            latency_ms=latency_ms,
        )
        self._put(shown)
        self._open[query.uri] = OpenSuggestion(
            suggestion_id=shown.id,
            at=cursor,
            text=text,
            absorbed=absorbed,
            borrowed=len(borrowed),
            now_s=self._timers.time(),
            ghost=not shown.list_entry,
        )

    def _end(self, uri: str, verdict: Verdict) -> None:
        suggestion = self._open.pop(uri, None)
        if suggestion is not None:
            suggestion.end(verdict)
            self._put(_judged(suggestion, self._timers.time()))

    def _settle(self, uri: str, after: Document | None = None, edit: Edit | None = None) -> None:
        """Say of a suggestion that was typed to its end whether the line went on behind it."""
        if uri not in self._typed:
            return
        end, judged = self._typed.pop(uri)
        if after is not None and edit is not None and edit.start_line == end.line:
            behind = after.line(end.line)[end.column :]
            if not only_closers(behind):
                judged = replace(judged, verdict=Verdict.BEYOND)
        self._put(judged)

    def _keeper(self, uri: str, suggestion_id: int, now_s: float) -> KeptText:
        for text in self._kept.get(uri, []):
            if text.id == suggestion_id:
                return text
        if sum(map(len, self._kept.values())) >= _MOST_KEPT:
            oldest = min(self._kept.values(), key=lambda texts: texts[0].id)
            del oldest[0]
            self._kept = {other: texts for other, texts in self._kept.items() if texts}
        text = KeptText(suggestion_id, now_s)
        self._kept.setdefault(uri, []).append(text)
        for after_s in AFTER_S.values():
            self._timers.call_later(after_s, lambda: self._look(self._timers.time()))
        return text

    def _look(self, now_s: float) -> None:
        for texts in self._kept.values():
            for text in texts:
                for record in text.look(now_s):
                    self._put(record)

    def _now(self) -> float:
        learned = self._writer.learned
        return self._calendar.now(0.0 if learned is None else time_of(learned.latest))

    def _put(self, record: Record) -> None:
        if self._settings().history:
            self._writer.put(record)


def is_explored(request: CompletionRequest, salt: bytes) -> bool:
    """Tell whether something is shown at a place though it is a little too unsure.

    Of all places the same 2 % each time they are asked about, others on other installations.
    """
    data = f"{request.document}\n{_place(request)}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(data, digest_size=8, key=salt, person=b"explore").digest()
    return int.from_bytes(digest) < _EXPLORED * (1 << 64)


def shown_end(result: Result, typed: int, shown: str) -> int:
    """Return where in a completion a shown piece ends, with the line end that ends it.

    Args:
        result: what was generated.
        typed: how many characters of it are typed already.
        shown: what is shown of the rest; blanks behind it were cut off.
    """
    text = result.completion.text
    end = min(typed + len(shown), len(text))
    behind = text[end:]
    blanks = len(behind) - len(behind.lstrip(" \t"))
    return end + blanks if behind[blanks : blanks + 1] in {"", "\n"} else end


def _judged(suggestion: OpenSuggestion, now_s: float) -> Judged:
    return Judged(
        id=suggestion.id,
        verdict=suggestion.verdict or Verdict.LEFT,
        visible_ms=suggestion.visible_ms(now_s),
        taken=suggestion.taken,
        grabs=suggestion.grabs,
    )


def _between(document: Document, start: Point, end: Point) -> str | None:
    if start.line != end.line or start > end:
        return None
    return document.line(start.line)[start.column : end.column]


def _place(request: CompletionRequest) -> str:
    return request.prefix[-_PLACE_BEFORE:]
