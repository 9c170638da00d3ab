"""Places edited lately are followed, joined, and quoted as they are now."""

from inference import Snippet
from lsp_server.context.recent_edits import RecentEdits, lines_of
from lsp_server.document import Document, Edit, Point


class Desk:
    """Two documents, and the places that are remembered of them."""

    def __init__(self) -> None:
        self.recent = RecentEdits()
        self.documents = {
            uri: Document.of_text(
                uri=uri,
                version=1,
                language="python",
                text="".join(f"{uri}_{number}\n" for number in range(100)),
            )
            for uri in ("a", "b")
        }

    def edit(self, uri: str, line: int, text: str, end_line: int | None = None) -> None:
        end = Point(line if end_line is None else end_line, 0)
        document, edit = self.documents[uri].replace(Point(line, 0), end, text, 2)
        self.documents[uri] = document
        self.recent.edited(uri, edit)

    def quoted(self, visible: str = "") -> list[str]:
        def quote(document: Document, first: int, end: int) -> Snippet:
            return Snippet(path=document.uri, text=lines_of(document.text(), first, end))

        found = self.recent.snippets(self.documents.get, quote, visible)
        return [snippet.text for snippet in found]


def test_an_edit_is_quoted_with_its_surroundings() -> None:
    """Two lines on either side."""
    desk = Desk()
    desk.edit("a", 50, "new ")

    assert desk.quoted() == ["a_48\na_49\nnew a_50\na_51\na_52\n"]


def test_edits_close_to_each_other_are_one_place() -> None:
    """As keys typed one after another are."""
    desk = Desk()
    desk.edit("a", 50, "new ")
    desk.edit("a", 51, "new\n")

    assert desk.quoted() == ["a_48\na_49\nnew a_50\nnew\na_51\na_52\na_53\n"]


def test_later_edits_above_move_a_place_along() -> None:
    """Lines that were inserted, and lines that were deleted."""
    desk = Desk()
    desk.edit("a", 50, "new ")
    desk.edit("a", 10, "x\n" * 3)
    desk.edit("a", 20, "", 25)

    assert "a_48\na_49\nnew a_50\na_51\na_52\n" in desk.quoted()


def test_the_latest_places_are_quoted_in_the_order_of_paths() -> None:
    """Three at most."""
    desk = Desk()
    for line in (10, 30, 50):
        desk.edit("b", line, "new ")
    desk.edit("a", 70, "new ")

    texts = desk.quoted()
    assert [text.split("new ")[1].split("\n")[0] for text in texts] == ["a_70", "b_50", "b_30"]


def test_what_is_visible_too_large_or_closed_is_not_quoted() -> None:
    """It says nothing new, or too much."""
    desk = Desk()
    desk.edit("a", 50, "new ")
    assert desk.quoted(visible=desk.documents["a"].text()) == []
    desk.edit("a", 50, "pasted\n" * 60)
    assert desk.quoted() == []
    desk.edit("b", 50, "new ")
    desk.recent.closed("b")
    assert desk.quoted() == []


def test_an_edit_of_the_whole_document_leaves_no_place() -> None:
    """A format of all lines is no hint."""
    recent = RecentEdits()
    recent.edited("a", Edit(start_line=0, end_line=100, line_delta=0, length_delta=0))

    assert recent.snippets(Desk().documents.get, lambda *_: Snippet(path="a", text="x"), "") == ()
