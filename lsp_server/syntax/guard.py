"""What syntax has to say about one cursor, worked out when it is asked for."""

from dataclasses import dataclass, replace
from functools import cached_property

from lsp_server.document import Document, Point
from lsp_server.postprocess.overlap import Insertion
from lsp_server.syntax.check import breaks_syntax
from lsp_server.syntax.parsing import Parsed, Region, SyntaxTrees
from lsp_server.syntax.place import Kind, kind_at


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

    def at(self, document: Document, cursor: Point) -> "SyntaxGuard":
        """Return the same for another version and place of the document."""
        return SyntaxGuard(self._trees, document, cursor, self._path, self._entry)

    @property
    def kind(self) -> Kind:
        """What stands at the cursor; code, where nothing is known."""
        if self._around is None:
            return Kind.CODE
        region, parsed = self._around
        return kind_at(parsed, len(region.before))

    def breaks(self, insertion: Insertion) -> bool:
        """Tell whether a suggestion would add a syntax error to the document."""
        if self._around is None:
            return False
        return breaks_syntax(*self._around, insertion.text, insertion.absorbed)

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
