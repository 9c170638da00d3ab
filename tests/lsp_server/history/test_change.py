"""What an edit has changed, however it was put."""

from hypothesis import given
from hypothesis import strategies as st

from lsp_server.document import Document, Edit, Point
from lsp_server.history.change import Change, change_between

TEXTS = st.text(alphabet="ab(\n", max_size=12)


def document(text: str) -> Document:
    return Document.of_text(uri="file:///a", version=1, language="python", text=text)


def edited(
    text: str, start: tuple[int, int], end: tuple[int, int], new: str
) -> tuple[Document, Document, Edit]:
    old = document(text)
    changed, edit = old.replace(Point(*start), Point(*end), new, 2)
    return old, changed, edit


def change(
    text: str,
    start: tuple[int, int],
    end: tuple[int, int],
    new: str,
    pin: tuple[int, int] | None = None,
) -> Change:
    found = change_between(*edited(text, start, end, new), Point(*pin) if pin else None)
    assert found is not None
    return found


def test_a_replaced_word_that_begins_alike_is_an_insertion() -> None:
    """An editor's list replaces `app` by `append`; new is `end`."""
    found = change("x.app\n", (0, 2), (0, 5), "append")

    assert (found.start, found.removed, found.inserted) == ((0, 5), "", "end")


def test_a_whole_document_sent_again_shows_the_one_character() -> None:
    """Clients without incremental changes send everything."""
    found = change("a\nb\nc\n", (0, 0), (3, 0), "a\nbx\nc\n")

    assert (found.start, found.removed, found.inserted) == ((1, 1), "", "x")


def test_a_pin_settles_where_an_equal_character_was_inserted() -> None:
    """`)x` put before `)` is not `x)` put behind it, if the cursor stood before it."""
    anywhere = change("f()\n", (0, 2), (0, 2), ")x")
    pinned = change("f()\n", (0, 2), (0, 2), ")x", pin=(0, 2))

    assert (anywhere.start, anywhere.inserted) == ((0, 3), "x)")
    assert (pinned.start, pinned.inserted) == ((0, 2), ")x")


def test_the_same_text_again_is_no_change() -> None:
    """Saving may send it."""
    assert change_between(*edited("a\nb", (0, 0), (1, 1), "a\nb")) is None


def test_points_move_with_a_change() -> None:
    """Before it they stay, inside they go to its end, behind they keep their distance."""
    found = change("abc def\nend\n", (0, 3), (0, 5), "\n12")

    assert found.moved(Point(0, 2)) == (0, 2)
    assert found.moved(Point(0, 4)) == (1, 2)
    assert found.moved(Point(0, 6)) == (1, 3)
    assert found.moved(Point(1, 1)) == (2, 1)


@given(before=TEXTS, removed=TEXTS, behind=TEXTS, inserted=TEXTS, crlf=st.booleans())
def test_a_change_explains_every_edit(
    before: str, removed: str, behind: str, inserted: str, *, crlf: bool
) -> None:
    """Taken out of the old text and put in, it gives the new one; pinned, it begins at the pin."""
    old_text, new_text = before + removed + behind, before + inserted + behind
    start = Point(*_point(before))
    shown = [t.replace("\n", "\r\n") if crlf else t for t in (old_text, inserted)]
    old, new, edit = edited(shown[0], start, _point(before + removed), shown[1])
    for pin in (None, start):
        found = change_between(old, new, edit, pin)
        if found is None:
            assert old_text == new_text
            continue
        at = _offset(old_text, found.start)
        assert old_text[at : at + len(found.removed)] == found.removed
        rest = old_text[at + len(found.removed) :]
        assert old_text[:at] + found.inserted + rest == new_text
        assert _offset(new_text, found.new_end) == at + len(found.inserted)
        if pin is not None and not removed:
            assert (found.start, found.inserted) == (pin, inserted)


def _point(text: str) -> tuple[int, int]:
    return text.count("\n"), len(text.rpartition("\n")[2])


def _offset(text: str, point: Point) -> int:
    return sum(len(line) + 1 for line in text.split("\n")[: point.line]) + point.column
