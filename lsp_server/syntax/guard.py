"""What syntax has to say about one cursor, worked out when it is asked for."""

import string
from dataclasses import dataclass, replace
from functools import cached_property, partial

from lsp_server.document import Document, Point, normalise_line_ends
from lsp_server.postprocess.overlap import Insertion
from lsp_server.syntax.check import adds_defect, with_insertion
from lsp_server.syntax.definitions import Definition, definitions, imported_names
from lsp_server.syntax.names import undefined_names
from lsp_server.syntax.parsing import Parsed, Region, SyntaxTrees, parse
from lsp_server.syntax.place import Kind, kind_at
from lsp_server.syntax.symbols import symbols

_PYTHON = "python"
_WORD = f"{string.ascii_letters}{string.digits}_".encode() + bytes(range(128, 256))

_TOP_LINES = 100  # where imports stand


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The entry that is selected in the editor's own list; a suggestion must continue it."""

    start: int  # code points of the cursor's line which the entry replaces
    end: int
    text: str


class SyntaxGuard:
    """The syntax around one cursor of one version of a document.

    Args:
        trees: where trees of earlier versions are.
        document: the document.
        cursor: the place in it.
        path: of the document, for its suffix.
        entry: an entry that is taken to be inserted.
    """

    def __init__(
        self,
        trees: SyntaxTrees,
        document: Document,
        cursor: Point,
        path: str,
        entry: Entry | None = None,
    ) -> None:
        self._trees = trees
        self._document = document
        self._cursor = cursor
        self._path = path
        self._entry = entry
        self._undefined: dict[str, bool] = {}
        self._inserted: tuple[tuple[str, int], Parsed | None] | None = None

    def at(self, document: Document, cursor: Point) -> "SyntaxGuard":
        """Return the same for another version and place of the document."""
        return SyntaxGuard(self._trees, document, cursor, self._path, self._entry)

    @cached_property
    def kind(self) -> Kind:
        """What stands at the cursor; code, where nothing is known."""
        if self._around is None:
            return Kind.CODE
        region, parsed = self._around
        return kind_at(parsed, len(region.before))

    @property
    def in_text(self) -> bool:
        """Whether the cursor stands in a comment or string."""
        return self.kind is not Kind.CODE

    def breaks(self, insertion: Insertion) -> bool:
        """Tell whether a suggestion would add a syntax error to the document."""
        after = self._after(insertion.text, insertion.absorbed)
        if self._around is None or after is None:  # too slow: nothing is known
            return False
        region, before = self._around
        start = len(region.before)
        return adds_defect(before, start, after, start + len(_bytes(insertion.text)))

    def is_undefined(self, text: str) -> bool:
        """Tell whether a suggestion uses a name that nothing in the document accounts for."""
        if text not in self._undefined:
            self._undefined[text] = self._uses_undefined(text)
        return self._undefined[text]

    def _uses_undefined(self, text: str) -> bool:
        if self._around is None or self._around[0].grammar != _PYTHON:
            return False
        after = self._after(text, 0)
        if after is None:
            return False
        region, before = self._around
        start = len(region.before)
        word_start = len(region.before.rstrip(_WORD))
        known = self._trees.derived(self._document.uri, partial(symbols, before))
        table = symbols(after, known)
        return bool(undefined_names(after, table, word_start, start + len(_bytes(text))))

    def _after(self, text: str, absorbed: int) -> Parsed | None:
        """Return the tree of the document with a suggestion; the last one is remembered."""
        if self._inserted is not None and self._inserted[0] == (text, absorbed):
            return self._inserted[1]
        after = None
        while self._around is not None:
            after = with_insertion(*self._around, text, absorbed)
            if after is not None or not self._trees.shrink(self._document.uri):
                break
            del self._around  # less of the document is parsed now
        self._inserted = (text, absorbed), after
        return after

    @property
    def offset(self) -> int:
        """Where the cursor is in what `definitions` count in: bytes."""
        return 0 if self._around is None else len(self._around[0].before)

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """What the document defines, as far as it is parsed."""
        return () if self._around is None else definitions(self._around[1])

    @property
    def imports(self) -> frozenset[str]:
        """The names in its import statements, those at the top of a long document included."""
        if self._around is None:
            return frozenset()
        region, parsed = self._around
        top = normalise_line_ends("".join(self._document.lines[:_TOP_LINES]))
        head = parse(region.grammar, top.encode("utf-8", "replace"))
        return imported_names(parsed) | (frozenset() if head is None else imported_names(head))

    def borders(self, characters: int) -> tuple[int, ...]:
        """Return where definitions begin in so many characters before the cursor, in its order."""
        if self._around is None:
            return ()
        before = self._around[0].before
        starts = {item.start for item in self.definitions if item.start < len(before)}
        found = []
        left, end = characters, len(before)
        for start in sorted(starts, reverse=True):
            left -= len(before[start:end].decode("utf-8", "replace"))
            if left < 0:
                break
            found.append(left)
            end = start
        return tuple(reversed(found))

    @cached_property
    def _around(self) -> tuple[Region, Parsed] | None:
        return self._trees.around(self._document, self._cursor, self._path, self._with_entry)

    def _with_entry(self, region: Region) -> Region:
        if self._entry is None:
            return region
        line = self._document.line(self._cursor.line)
        typed = line[self._entry.start : self._cursor.column].encode("utf-8", "replace")
        replaced = line[self._cursor.column : self._entry.end].encode("utf-8", "replace")
        inserted = self._entry.text.encode("utf-8", "replace")
        return replace(
            region,
            before=region.before[: len(region.before) - len(typed)] + inserted,
            behind=region.behind[len(replaced) :],
        )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
