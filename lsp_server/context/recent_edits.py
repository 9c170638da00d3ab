"""Where the user has edited lately, followed through later edits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from inference import Snippet
from lsp_server.document import Document, Edit

_REMEMBERED: Final = 16
_MOST: Final = 3
_AROUND_LINES: Final = 2
_NEAR_LINES: Final = 8  # edits closer than that are one
_MOST_LINES: Final = 40  # a larger one is a paste or a format of all, and says nothing
_MOST_CHARACTERS: Final = 1200


@dataclass(slots=True, kw_only=True)
class _Region:
    uri: str
    first: int  # line
    last: int


class RecentEdits:
    """The last places of all documents, the latest last."""

    def __init__(self) -> None:
        self._regions: list[_Region] = []

    def edited(self, uri: str, edit: Edit) -> None:
        """Take note of an edit; places below it move along."""
        first, last = edit.start_line, edit.end_line + edit.line_delta
        merged = _Region(uri=uri, first=first, last=max(first, last))
        kept = []
        for region in self._regions:
            if region.uri != uri:
                kept.append(region)
                continue
            if region.first > edit.end_line:
                region.first += edit.line_delta
            if region.last >= edit.start_line:
                region.last = max(region.first, region.last + edit.line_delta)
            if region.first <= merged.last + _NEAR_LINES and merged.first <= (
                region.last + _NEAR_LINES
            ):
                merged.first = min(merged.first, region.first)
                merged.last = max(merged.last, region.last)
            else:
                kept.append(region)
        self._regions = [*kept, merged][-_REMEMBERED:]

    def closed(self, uri: str) -> None:
        """Forget a document's places."""
        self._regions = [region for region in self._regions if region.uri != uri]

    def snippets(
        self,
        documents: Callable[[str], Document | None],
        quoted: Callable[[Document, int, int], Snippet | None],
        visible: str,
    ) -> tuple[Snippet, ...]:
        """Return the latest places as they are now, in the order of their paths.

        Args:
            documents: the open documents.
            quoted: some lines of a document as the prompt may show them, None if it may not.
            visible: what the prompt shows of the current document itself.
        """
        chosen: list[Snippet] = []
        for region in reversed(self._regions):
            document = documents(region.uri)
            if document is None or region.last - region.first >= _MOST_LINES:
                continue
            first = max(0, region.first - _AROUND_LINES)
            snippet = quoted(document, first, region.last + _AROUND_LINES + 1)
            if snippet is None or not snippet.text.strip() or snippet.text.strip() in visible:
                continue
            if len(snippet.text) <= _MOST_CHARACTERS:
                chosen.append(snippet)
            if len(chosen) == _MOST:
                break
        return tuple(sorted(chosen, key=lambda snippet: snippet.path))


def lines_of(text: str, first: int, end: int) -> str:
    """Return some lines of a text, the last one ended."""
    lines: Sequence[str] = text.split("\n")[first:end]
    return "\n".join(lines).strip("\n") + "\n"
