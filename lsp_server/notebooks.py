"""Which documents are cells of a notebook, and in what order: a cell's context is those before."""

from collections.abc import Callable, Sequence
from typing import Final

from lsprotocol import types

from lsp_server.context.around_cursor import PREFIX_CHARACTERS, printable
from lsp_server.document import Document

# All cells of every kind of notebook; only those that are files or are to become files.
SYNC: Final = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithNotebook(
            notebook=types.NotebookDocumentFilterScheme(scheme=scheme)
        )
        for scheme in ("file", "untitled")
    ]
)


class Notebooks:
    """The notebooks that the client has open."""

    def __init__(self) -> None:
        self._cells: dict[str, list[str]] = {}  # a notebook's URI -> its cells' URIs, in order
        self._notebooks: dict[str, str] = {}  # a cell's URI -> its notebook's

    def open(self, notebook: str, cells: Sequence[str]) -> None:
        """Take over a notebook's cells in their order."""
        self.close(notebook)
        self._cells[notebook] = list(cells)
        self._notebooks.update(dict.fromkeys(cells, notebook))

    def splice(self, notebook: str, start: int, deleted: int, cells: Sequence[str]) -> bool:
        """Put cells in place of so many from `start` on; False if that notebook is not open."""
        known = self._cells.get(notebook)
        if known is None:
            return False
        self.open(notebook, [*known[:start], *cells, *known[start + deleted :]])
        return True

    def close(self, notebook: str) -> None:
        """Forget a notebook."""
        for cell in self._cells.pop(notebook, ()):
            self._notebooks.pop(cell, None)

    def cells(self, notebook: str) -> tuple[str, ...]:
        """Return a notebook's cells."""
        return tuple(self._cells.get(notebook, ()))

    def later(self, cell: str) -> tuple[str, ...]:
        """Return the cells behind one."""
        cells = self.cells(self._notebooks.get(cell, ""))
        return cells[cells.index(cell) + 1 :] if cell in cells else ()

    def holder(self, uri: str) -> str:
        """Return the notebook of a cell, of any other document itself: what is on disk."""
        return self._notebooks.get(uri, uri)

    def earlier_text(
        self,
        document: Document,
        find: Callable[[str], Document | None],
        text_of: Callable[[Document], str],
    ) -> str:
        r"""Return what the cells before one say in its language, "" for any other document.

        Args:
            document: a cell.
            find: returns an open document.
            text_of: returns its text with "\n" as line ends.

        Returns:
            Each cell's text, ended by a newline and an empty line; of long ones the end, from the
            beginning of a line on. It does not depend on what the cell itself says.
        """
        texts: list[str] = []
        left = PREFIX_CHARACTERS
        cells = self.cells(self._notebooks.get(document.uri, ""))
        before = cells[: cells.index(document.uri)] if document.uri in cells else ()
        for uri in reversed(before):
            cell = find(uri)
            if cell is None or cell.language != document.language:
                continue
            text = text_of(cell).rstrip("\n")
            if not text:
                continue
            text += "\n\n"
            if len(text) > left:
                texts.append(text[-left:].partition("\n")[2])
                break
            left -= len(text)
            texts.append(text)
        return printable("".join(reversed(texts)))
