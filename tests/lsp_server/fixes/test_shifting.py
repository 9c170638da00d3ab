"""What is new after an edit, though every line has moved."""

from lsp_server.document import Point
from lsp_server.fixes.candidate import Change
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.shifting import LineShift, new_complaints


def said(line: int, message: str = "x", code: str = "A1") -> Diagnostic:
    return Diagnostic(
        start=Point(line, 0), end=Point(line, 1), code=code, message=message, source="ruff"
    )


def change(start: tuple[int, int], end: tuple[int, int], text: str) -> Change:
    return Change(start=Point(*start), end=Point(*end), text=text)


def test_lines_behind_an_edit_move() -> None:
    """Each change adds its own; lines before stay."""
    shift = LineShift([change((2, 0), (2, 0), "a\nb\n"), change((5, 0), (7, 0), "")])

    assert [list(shift.lines_of(n)) for n in (1, 2, 3, 4, 6, 9)] == [
        [1],
        [2, 3, 4],
        [5],
        [6],
        [7],
        [9],
    ]
    assert [n for n in range(10) if shift.is_changed(n)] == [2, 3, 4, 7]


def test_what_has_only_moved_is_not_new() -> None:
    """Numbers of lines in the text may move with it."""
    shift = LineShift([change((0, 0), (0, 0), "import x\n")])
    before = [said(3), said(5, "redefinition from line 3")]

    assert new_complaints(before, [said(4), said(6, "redefinition from line 4")], shift) == []


def test_another_line_code_text_or_number_of_them_is_new() -> None:
    """Each complaint of before accounts for one."""
    shift = LineShift([change((0, 0), (0, 0), "import x\n")])
    for new in (said(3), said(5), said(4, "y"), said(4, code="B2")):
        assert new_complaints([said(3)], [said(4), new], shift) == [new]
    assert new_complaints([said(3)], [said(4), said(4)], shift) == [said(4)]
