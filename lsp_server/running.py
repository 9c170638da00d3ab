"""A generation under way: what it has written, and whether the document still agrees with it."""

import asyncio
from collections.abc import Sequence

from inference import Completion, CompletionRequest
from lsp_server.context.around_cursor import printable
from lsp_server.document import Document, Edit, Point, normalise_line_ends
from lsp_server.engine_host import GenerationHandle
from lsp_server.postprocess.closers import hidden_closers
from lsp_server.postprocess.overlap import Insertion
from lsp_server.query import Query

# Text typed ahead of the generation may still turn out to be what it writes; a paste will not.
_MAX_AHEAD_CHARACTERS = 64


class Running:
    """One generation and the document it was started for; lives in the event loop's thread."""

    def __init__(self, query: Query, handle: GenerationHandle) -> None:
        self.request: CompletionRequest = query.request
        self.handle = handle
        self.query = query  # the last one that attached
        self.document: Document = query.document
        self.cursor: Point = query.cursor
        self.expected = query.request.prefix  # what stands before the cursor by now
        self.shown: tuple[str, Insertion] | None = None  # (prefix, what was answered there)
        self.killed = False  # its text is of no use any more
        self.orphan_timer: asyncio.TimerHandle | None = None
        self.watch_timer: asyncio.TimerHandle | None = None
        self._window = query.window
        # Closers at the cursor come and go while somebody types before them.
        self._closers = hidden_closers(query.window.suffix)
        self._behind = query.window.suffix[len(self._closers) :]
        self._start_line = query.window.start_line
        self._base_length = query.document.length

    def written(self) -> Completion:
        """Return what exists so far."""
        return self.handle.snapshot()

    def agrees_with(self, prefix: str, suffix: str, text: str) -> bool:
        """Tell whether a cursor between `prefix` and `suffix` lies along the generated text."""
        if suffix != self.request.suffix or len(prefix) < len(self.request.prefix):
            return False
        return self._continues(prefix, text)

    def attach(self, query: Query) -> None:
        """Let a request wait for this generation."""
        self.query = query
        self.document = query.document
        self.cursor = query.cursor
        self.expected = query.request.prefix

    def is_ahead(self, text: str) -> bool:
        """Tell whether more was typed than is generated."""
        return len(self.expected) > len(self.request.prefix) + len(text)

    def still_agrees(self, text: str) -> bool:
        """Tell whether what stands before the cursor is still along the text."""
        return self._continues(self.expected, text)

    def follow(self, document: Document, edits: Sequence[Edit]) -> bool:
        """Take over an edited document; False if it disagrees with the generation."""
        for edit in edits:
            if edit.end_line < self._start_line:
                self._start_line += edit.line_delta
                self._base_length += edit.length_delta
        typed = document.length - self._base_length
        if typed < 0 or self._start_line >= len(document.lines):
            return False
        end = len(self._window.prefix) + len(self._closers) + typed
        text = self._text_from_start(document, end + len(self._behind))
        if text[end : end + len(self._behind)] != self._behind:
            return False
        head = self._agreeing_head(text[:end])
        if head is None:
            return False
        self.document = document
        self.expected = head
        line_start = head.rfind("\n") + 1
        column = len(head) - line_start + (0 if line_start else self._window.start_column)
        self.cursor = Point(self._start_line + head.count("\n"), column)
        return True

    def _agreeing_head(self, text: str) -> str | None:
        """Return the text up to where the cursor may stand: at its end, or before its closers."""
        line = text.rpartition("\n")[2]
        written = self.written().text
        # The most closers first: the editor has just inserted one more, or they were there before.
        for start in range(len(line) + 1):
            if start < len(line) and hidden_closers(line[start:]) != line[start:]:
                continue
            head = text[: len(text) - len(line) + start]
            if len(head) >= len(self.request.prefix) and self._continues(head, written):
                return head
        return None

    def _continues(self, prefix: str, text: str) -> bool:
        whole = self.request.prefix + text
        if whole.startswith(prefix):
            return True
        ahead = len(prefix) - len(whole)
        return 0 < ahead <= _MAX_AHEAD_CHARACTERS and prefix.startswith(whole)

    def _text_from_start(self, document: Document, length: int) -> str:
        """Return at least `length` characters from the window's beginning, or all there are."""
        parts = [document.lines[self._start_line][self._window.start_column :]]
        found = len(parts[0])
        number = self._start_line + 1
        # Twice, since a \r\n counts as one.
        while found < 2 * length and number < len(document.lines):
            parts.append(document.lines[number])
            found += len(parts[-1])
            number += 1
        return printable(normalise_line_ends("".join(parts)))
