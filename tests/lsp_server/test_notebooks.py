"""Which text stands before a cell."""

from lsp_server.context.around_cursor import PREFIX_CHARACTERS
from lsp_server.document import Document
from lsp_server.notebooks import Notebooks


def cell(name: str, text: str, language: str = "python") -> Document:
    return Document.of_text(uri=f"cell:{name}", version=1, language=language, text=text)


def earlier(notebooks: Notebooks, of: Document, *others: Document) -> str:
    documents = {document.uri: document for document in (of, *others)}
    return notebooks.earlier_text(of, documents.get, Document.text)


def opened(*cells: Document) -> Notebooks:
    notebooks = Notebooks()
    notebooks.open("file:///n.ipynb", [document.uri for document in cells])
    return notebooks


def test_cells_before_it_in_its_language_in_order() -> None:
    """Empty cells, those of other languages and those behind it are left out."""
    first, prose, second = cell("1", "a = 1"), cell("2", "# Title", "markdown"), cell("3", "b\n\n")
    empty, own, last = cell("4", "\n"), cell("5", "c"), cell("6", "d")
    cells = (first, prose, second, empty, own, last)

    assert earlier(opened(*cells), own, *cells) == "a = 1\n\nb\n\n"
    assert earlier(opened(*cells), first, *cells) == ""


def test_of_long_cells_the_end_remains_from_a_line_on() -> None:
    """As much as a document's own prefix may have."""
    long = cell("1", "".join(f"line {number}\n" for number in range(5000)))
    near, own = cell("2", "near = 1"), cell("3", "")
    text = earlier(opened(long, near, own), own, long, near)

    assert text.endswith("line 4999\n\nnear = 1\n\n")
    assert text.startswith("line ")
    assert PREFIX_CHARACTERS - 20 < len(text) <= PREFIX_CHARACTERS


def test_cells_move_come_and_go() -> None:
    """A cell's place is that of the notebook's latest structure."""
    first, second = cell("1", "a"), cell("2", "b")
    notebooks = opened(first, second)
    assert notebooks.later(first.uri) == (second.uri,)
    assert notebooks.splice("file:///n.ipynb", 0, 2, [second.uri, first.uri])

    assert earlier(notebooks, first, second) == "b\n\n"
    assert notebooks.later(second.uri) == (first.uri,)
    assert notebooks.splice("file:///n.ipynb", 0, 1, [])
    assert notebooks.holder(second.uri) == second.uri
    assert notebooks.holder(first.uri) == "file:///n.ipynb"
    notebooks.close("file:///n.ipynb")
    assert earlier(notebooks, first, second) == ""
    assert not notebooks.splice("file:///n.ipynb", 0, 0, [first.uri])
