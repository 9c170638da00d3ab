"""What the prompt quotes of other files, pinned so that typing leaves it as it is.

A quotation stands before all else in the prompt: when it changes, everything is new. So it is
gathered while the user rests, and only if there is a reason: the cursor has left its function,
another document has changed, or something was saved. Requests take what was gathered last.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from inference import Snippet
from lsp_server.context.other_file import OtherFile, words
from lsp_server.context.signatures import signatures
from lsp_server.context.similar import similar
from lsp_server.document import Document, Point, normalise_line_ends
from lsp_server.syntax.definitions import Definition

MAX_OTHERS: Final = 20  # open files that are looked at
_BEFORE_LINES, _BEHIND_LINES = 12, 8  # what is near the cursor
_VISIBLE_BEFORE, _VISIBLE_BEHIND = 100, 40  # lines that the prompt has room for in any case


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands around a place of a document."""

    near: str
    visible: str


def surroundings(document: Document, cursor: Point) -> Surroundings:
    """Return the text around a place, near it and as far as every prompt shows it."""

    def lines(before: int, behind: int) -> str:
        first = max(0, cursor.line - before)
        return normalise_line_ends("".join(document.lines[first : cursor.line + behind]))

    return Surroundings(
        near=lines(_BEFORE_LINES, _BEHIND_LINES), visible=lines(_VISIBLE_BEFORE, _VISIBLE_BEHIND)
    )


def gather(
    place: Surroundings,
    *,
    imported: frozenset[str],
    defined: frozenset[str],
    others: Sequence[OtherFile],
    recent: tuple[Snippet, ...],
) -> tuple[Snippet, ...]:
    """Return what to quote, what changes most seldom first.

    Args:
        place: where the cursor is.
        imported: names in the import statements of the document.
        defined: names that it defines itself.
        others: files that may be quoted, the most recently used first.
        recent: places edited lately.
    """
    found = signatures(imported, words(place.near), defined, others)
    alike = similar(place.near, place.visible, others)
    quoted: dict[str, Snippet] = {}
    for snippet in (*found, *alike, *recent):
        if not any(snippet.text in other.text for other in quoted.values()):
            quoted.setdefault(snippet.path + "\n" + snippet.text, snippet)
    return tuple(quoted.values())


def scope_at(items: Iterable[Definition], offset: int) -> str:
    """Return the signatures of the definitions around a byte offset; "" outside of all."""
    around = [item for item in items if item.start <= offset <= item.end]
    return "\n".join(item.signature for item in around)


class PinnedContext:
    """Remembers what is quoted for each document, and why it was gathered."""

    def __init__(self) -> None:
        self._pinned: dict[str, tuple[Hashable, tuple[Snippet, ...]]] = {}

    def snippets(self, uri: str) -> tuple[Snippet, ...]:
        """Return what is quoted for a document."""
        return self._pinned[uri][1] if uri in self._pinned else ()

    def holds(self, uri: str, reason: Hashable) -> bool:
        """Tell whether there is nothing new: it was gathered for the same reason."""
        return uri in self._pinned and self._pinned[uri][0] == reason

    def pin(self, uri: str, reason: Hashable, snippets: tuple[Snippet, ...]) -> None:
        """Quote something from now on."""
        self._pinned[uri] = (reason, snippets)

    def forget(self, uri: str) -> None:
        """Drop a document."""
        self._pinned.pop(uri, None)

    def clear(self) -> None:
        """Drop everything: what may be quoted has changed."""
        self._pinned.clear()
