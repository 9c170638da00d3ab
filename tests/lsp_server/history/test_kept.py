"""How much of accepted text is still there after later edits."""

from lsp_server.document import Document, Point
from lsp_server.history.change import change_between
from lsp_server.history.kept import KeptText
from lsp_server.history.records import Moment
from lsp_server.history.suggestion import Taken

ACCEPTED = "total = 1\n    return total"  # 9 and 12 characters that are no blanks at an end


class Desk:
    """A document in which a text was accepted at time 0."""

    def __init__(self) -> None:
        before = "def f():\n    "
        self.document = Document.of_text(
            uri="file:///a", version=1, language="python", text=f"{before}{ACCEPTED}\nend\n"
        )
        self.kept = KeptText(7, 0.0)
        self.kept.add(Taken(start=Point(1, 4), text=ACCEPTED))

    def edit(self, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        old = self.document
        self.document, edit = old.replace(Point(*start), Point(*end), text, 2)
        change = change_between(old, self.document, edit)
        assert change is not None
        self.kept.follow(change, self.document)

    def left(self) -> int:
        record = self.kept.close()
        assert record.out_of == 21
        return record.characters


def test_untouched_text_is_all_there() -> None:
    """Wherever edits around it move it."""
    desk = Desk()
    desk.edit((0, 0), (0, 0), "# a\n# b\n")
    desk.edit((3, 0), (3, 4), "\t")
    desk.edit((5, 0), (5, 3), "")

    assert desk.left() == 21


def test_deleted_characters_are_gone() -> None:
    """In the middle, at the ends, whole lines; what is put in does not replace them."""
    desk = Desk()
    desk.edit((1, 6), (1, 8), "XY")  # to-ta-l
    assert desk.left() == 19
    desk.edit((1, 4), (1, 5), "")
    assert desk.left() == 18
    desk.edit((2, 0), (3, 0), "")
    assert desk.left() == 6


def test_text_put_in_and_taken_out_again_costs_nothing() -> None:
    """A piece may fall in two."""
    desk = Desk()
    desk.edit((1, 6), (1, 6), "new\nline")
    desk.edit((1, 6), (2, 4), "")

    assert desk.left() == 21


def test_undo_takes_everything() -> None:
    """An accept that is undone leaves nothing."""
    desk = Desk()
    desk.edit((1, 4), (2, 16), "")

    assert desk.left() == 0


def test_a_formatter_that_writes_all_lines_anew_keeps_them() -> None:
    """Its one big change says nothing about the lines inside."""
    desk = Desk()
    desk.edit((0, 0), (4, 0), "def  f():\n  total = 1\n  return total\n\nend()\n")

    assert desk.left() == 21


def test_every_moment_is_told_once() -> None:
    """After 30 s, 2 min and 10 min, with what is there at the next look."""
    desk = Desk()
    assert list(desk.kept.look(29.0)) == []
    first = [(record.moment, record.characters) for record in desk.kept.look(31.0)]
    desk.edit((1, 4), (1, 10), "")
    later = [(record.moment, record.characters) for record in desk.kept.look(601.0)]

    assert first == [(Moment.HALF_MINUTE, 21)]
    assert later == [(Moment.TWO_MINUTES, 15), (Moment.TEN_MINUTES, 15)]
    assert list(desk.kept.look(9999.0)) == []
