"""Candidates: what an edit does to a document, and which edits are none."""

import pytest

from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Candidate, Change, EditError, Origin, apply

TEXT = "import os\r\n\r\nprint('😋', osx.sep)\r\n"


def document(text: str = TEXT) -> Document:
    return Document.of_text(uri="file:///a.py", version=3, language="python", text=text)


def change(start: tuple[int, int], end: tuple[int, int], text: str) -> Change:
    return Change(start=Point(*start), end=Point(*end), text=text)


def candidate(*changes: Change) -> Candidate:
    return Candidate(title="Try it", changes=changes, origin=Origin.ENUMERATED)


def test_changes_are_made_at_once_whatever_their_order() -> None:
    """Each counts from the document as it was; new lines end as the document's do."""
    made = apply(
        document(),
        candidate(change((2, 11), (2, 14), "os"), change((1, 0), (1, 0), "import re\n")),
    )

    assert "".join(made.lines) == "import os\r\nimport re\r\n\r\nprint('😋', os.sep)\r\n"
    assert made.version == 3


@pytest.mark.parametrize(
    "changes",
    [
        (change((9, 0), (9, 0), "x"),),
        (change((0, 0), (0, 99), "x"),),
        (change((-1, 0), (0, 0), "x"),),
        (change((2, 3), (2, 1), "x"),),
        (change((0, 0), (0, 5), "x"), change((0, 4), (0, 6), "y")),
        (change((0, 2), (0, 2), "x"), change((0, 2), (0, 2), "y")),
    ],
)
def test_an_impossible_edit_is_refused(changes: tuple[Change, ...]) -> None:
    """Outside the document, backwards or overlapping: the error says which."""
    with pytest.raises(EditError, match=r"Expected .*, found .* left out"):
        apply(document(), candidate(*changes))


def test_neighbours_do_not_overlap() -> None:
    """An edit may begin where another ends."""
    made = apply(
        document("abc"), candidate(change((0, 0), (0, 1), "x"), change((0, 1), (0, 2), "y"))
    )

    assert made.text() == "xyc"
