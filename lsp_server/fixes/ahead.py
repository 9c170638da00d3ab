"""Searches for fixes before anybody asks: in the background, for one version of a document.

When a document has rested for a moment the cheap checkers look at it, and what they find is
searched for fixes, one diagnostic after the other, those near the cursor first. A diagnostic that
the client names comes before. The next edit ends all of it.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from lsp_server.document import Document, Point
from lsp_server.fixes.checkers.checker import CheckedFile, Checker, Finding, Report
from lsp_server.fixes.checkers.own import OwnParsers
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.search import Faulty, Found, Tools, search
from lsp_server.fixes.verification import Baseline, find, is_from

_log = logging.getLogger(__name__)
REST_S: Final = 0.5
"""People who type pause less."""

_MOST_AHEAD: Final = 12  # searches that nobody has asked for, in one version
_NOTHING: Final = Found(fixes=(), could_verify=False, tried=0, refusals={}, seconds=0.0)

Look = Callable[[str], CheckedFile | None]
"""Gives an open document as it is to be checked, None if nothing is to be offered in it."""
MakeTools = Callable[[CheckedFile], Tools]


@dataclass(slots=True, kw_only=True, eq=False)
class Search:
    """What is known about one diagnostic in one version of a document."""

    number: int
    document: Document
    baseline: Baseline
    diagnostic: Diagnostic
    asked: bool = False  # the client has named it, or wants its fix
    is_awaited: bool = False  # by somebody who takes the first verified fix
    given_up: bool = False  # by the user; nobody starts it again but the user
    found: Found | None = None
    task: asyncio.Task[Found] | None = None

    @property
    def is_open(self) -> bool:
        """Whether a fix may still be found."""
        return self.found is None


@dataclass(slots=True, kw_only=True, eq=False)
class _Version:
    document: Document
    baseline: Baseline
    checkers: tuple[Checker, ...] | None = None  # known once there are tools
    searches: list[Search] = field(default_factory=list)


class Ahead:
    """Lives in the event loop's thread.

    Args:
        look: takes the snapshot that a search works on.
        tools: makes what it works with.
        place: where a document was last in use.
    """

    def __init__(self, look: Look, tools: MakeTools, place: Callable[[str], Point | None]) -> None:
        self._look = look
        self._tools = tools
        self._place = place
        self._numbers = itertools.count(1)
        self._versions: dict[str, _Version] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ahead: dict[str, asyncio.Task[None]] = {}
        self._worker: asyncio.Task[None] | None = None

    def touched(self, uri: str) -> None:
        """Follow the opening or an edit of a document: what was done for it is void now."""
        self.forget(uri)
        loop = asyncio.get_running_loop()
        self._timers[uri] = loop.call_later(REST_S, self._begin, uri)

    def forget(self, uri: str) -> None:
        """End all work for a document."""
        if (timer := self._timers.pop(uri, None)) is not None:
            timer.cancel()
        if (ahead := self._ahead.pop(uri, None)) is not None:
            ahead.cancel()
        if (version := self._versions.pop(uri, None)) is not None:
            for known in version.searches:
                if known.task is not None:
                    known.task.cancel()

    def stop(self) -> None:
        """End all work."""
        for uri in {*self._timers, *self._ahead, *self._versions}:
            self.forget(uri)
        if self._worker is not None:
            self._worker.cancel()

    def at(
        self, uri: str, lines: range, diagnostics: Iterable[Diagnostic]
    ) -> list[tuple[Search, Diagnostic | None]]:
        """Return what is known of the diagnostics that begin on some lines, and what named them.

        Args:
            uri: of an open document.
            lines: that the client asks about.
            diagnostics: that it has named; each is searched for from now on, and comes first.
        """
        version = self._version(uri)
        if version is None:
            return []
        named: dict[Search, Diagnostic | None] = {}
        for diagnostic in diagnostics:
            if diagnostic.start.line < len(version.document.lines):
                known = self._known(version, diagnostic) or self._add(version, diagnostic)
                known.asked = True
                named.setdefault(known, diagnostic)
        self._wake()
        for known in version.searches:
            if known.diagnostic.start.line in lines:
                named.setdefault(known, None)
        return list(named.items())

    def numbered(self, number: int) -> Search | None:
        """Return a search of a version that still stands."""
        every = (known for version in self._versions.values() for known in version.searches)
        return next((known for known in every if known.number == number), None)

    def start(self, wanted: Search) -> asyncio.Task[Found]:
        """Search now, whatever else is going on; cancelling the task ends the search."""
        if wanted.task is None or wanted.task.done():
            wanted.task = asyncio.create_task(self._run(wanted))
        return wanted.task

    def give_up(self, unwanted: Search) -> None:
        """End a search that the user does not want to wait for."""
        unwanted.given_up = True
        if unwanted.task is not None:
            unwanted.task.cancel()

    def _version(self, uri: str) -> _Version | None:
        if uri not in self._versions:
            file = self._look(uri)
            if file is None:
                return None
            self._versions[uri] = _Version(document=file.document, baseline=Baseline(file))
        return self._versions[uri]

    def _begin(self, uri: str) -> None:
        self._timers.pop(uri, None)
        self._ahead[uri] = asyncio.create_task(self._look_ahead(uri))

    async def _look_ahead(self, uri: str) -> None:
        """Let the cheapest checker look at a document, and search for what it finds."""
        version = self._version(uri)
        if version is None:
            return
        try:
            tools = self._tools(version.baseline.file)
            version.checkers = tools.checkers
            report = await _first_report(version, tools.checkers)
        except Exception:  # noqa: BLE001 - a background task has nobody else to tell
            _log.exception("looking for diagnostics failed")
            return
        cursor = self._place(uri) or Point(0, 0)
        found = sorted(report.findings, key=lambda one: _distance(one.diagnostic, cursor))
        for finding in found[:_MOST_AHEAD]:
            if self._known(version, finding.diagnostic) is None:
                self._add(version, finding.diagnostic)
        self._wake()

    def _add(self, version: _Version, diagnostic: Diagnostic) -> Search:
        made = Search(
            number=next(self._numbers),
            document=version.document,
            baseline=version.baseline,
            diagnostic=diagnostic,
        )
        version.searches.append(made)
        return made

    def _known(self, version: _Version, diagnostic: Diagnostic) -> Search | None:
        """Return the search for a diagnostic, or for the same fault in a checker's words.

        A diagnostic whose own checker may run has a search of its own.
        """
        checkers = version.checkers or ()
        owned = any(is_from(diagnostic, checker.name) for checker in checkers)
        for known in version.searches:
            if known.diagnostic == diagnostic:
                return known
            source = known.diagnostic.source.lower()
            if owned and not is_from(diagnostic, source):
                continue
            report = Report(findings=(Finding(diagnostic=known.diagnostic),))
            if find(diagnostic, report, source) is not None:
                return known
        return None

    def _wake(self) -> None:
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while (wanted := self._next()) is not None:
            await asyncio.wait([self.start(wanted)])

    def _next(self) -> Search | None:
        waiting = [
            (not known.asked, _distance(known.diagnostic, self._place(uri) or Point(0, 0)), known)
            for uri, version in self._versions.items()
            for known in version.searches
            if known.is_open and not known.given_up and known.task is None
        ]
        return min(waiting, key=lambda one: one[:2])[2] if waiting else None

    async def _run(self, wanted: Search) -> Found:
        try:
            tools = self._tools(wanted.baseline.file)
            wanted.found = await search(
                Faulty(
                    baseline=wanted.baseline,
                    diagnostic=wanted.diagnostic,
                    is_awaited=lambda: wanted.is_awaited,
                ),
                tools,
            )
        except Exception:  # noqa: BLE001 - likewise; the diagnostic's text stays out of the log
            _log.exception("a search for a fix failed")
            wanted.found = _NOTHING
        return wanted.found


async def _first_report(version: _Version, checkers: Sequence[Checker]) -> Report:
    """Return what the cheapest checker says; what our own parsers do where none can be asked."""
    for checker in (*checkers[:1], OwnParsers()):
        if checker.takes(version.document):
            report = await version.baseline.report(checker)
            if report.ended_normally:
                return report
    return Report()


def _distance(diagnostic: Diagnostic, cursor: Point) -> int:
    return abs(diagnostic.start.line - cursor.line)
