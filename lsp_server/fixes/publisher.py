"""Publishes what our own parsers find wrong, in the languages for which the setting says so."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from lsp_server.document import Document
from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.checkers.own import OwnParsers
from lsp_server.fixes.diagnostic import Diagnostic

REST_S: Final = 0.4
"""Nobody wants to read of the word that they are typing."""


class Publisher:
    """Waits for a rest after each edit; lives in the event loop's thread.

    Args:
        look: gives an open document, None if nothing is to be said of it.
        languages: gives the identifiers of the languages to publish for.
        publish: tells the client all that is wrong in a document.
    """

    def __init__(
        self,
        look: Callable[[str], CheckedFile | None],
        languages: Callable[[], frozenset[str]],
        publish: Callable[[Document, Sequence[Diagnostic]], None],
    ) -> None:
        self._look = look
        self._languages = languages
        self._publish = publish
        self._parsers = OwnParsers()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._told: dict[str, Document] = {}  # of which the client shows something

    def touched(self, uri: str) -> None:
        """Follow the opening or an edit of a document."""
        self._stop(uri)
        loop = asyncio.get_running_loop()
        self._timers[uri] = loop.call_later(REST_S, self._tell, uri)

    def closed(self, uri: str) -> None:
        """Take back what was published."""
        self._stop(uri)
        if (document := self._told.pop(uri, None)) is not None:
            self._publish(document, ())

    def stop(self) -> None:
        """Publish nothing more."""
        for uri in list(self._timers):
            self._stop(uri)

    def _stop(self, uri: str) -> None:
        if (timer := self._timers.pop(uri, None)) is not None:
            timer.cancel()

    def _tell(self, uri: str) -> None:
        self._timers.pop(uri, None)
        file = self._look(uri)
        if file is None or file.document.language not in self._languages():
            self.closed(uri)
            return
        report = self._parsers.parse(file.document)
        found = [finding.diagnostic for finding in report.findings]
        if found:
            self._told[uri] = file.document
        elif self._told.pop(uri, None) is None:
            return
        self._publish(file.document, found)
