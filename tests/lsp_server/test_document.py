"""Documents: line ends of LSP, and edits against the same edit of the whole text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.document import Document, Point, split_lines
from lsp_server.positions import PositionEncoding

TEXTS = st.text(st.sampled_from("ab\r\n\u2028\x0c\x85😋"), max_size=14)


def open_document(text: str) -> Document:
    return Document.of_text(uri="file:///a.py", version=1, language="python", text=text)


def normalised(text: str) -> str:
    return re.sub("\r\n|\r", "\n", text)


@given(text=TEXTS)
def test_lines_end_where_lsp_says(text: str) -> None:
    """Only LF, CRLF and CR end a line; form feeds and U+2028 do not."""
    lines = split_lines(text)

    assert "".join(lines) == text
    assert [line.rstrip("\r\n") for line in lines] == re.split("\r\n|\n|\r", text)


@given(text=TEXTS, new=TEXTS, numbers=st.tuples(*[st.integers(0, 20)] * 4))
def test_an_edit_equals_the_edit_of_the_whole_text(
    text: str, new: str, numbers: tuple[int, int, int, int]
) -> None:
    """Replacing a range gives the document of the replaced text, and says by how much it grew."""
    document = open_document(text)
    start = document.point(numbers[0], numbers[1], PositionEncoding.UTF16)
    end = document.point(numbers[2], numbers[3], PositionEncoding.UTF16)

    edited, edit = document.replace(start, end, new, 2)

    low, high = sorted((start, end))
    offsets = [sum(map(len, document.lines[: p.line])) + p.column for p in (low, high)]
    expected = open_document(text[: offsets[0]] + new + text[offsets[1] :])
    assert edited.lines == expected.lines
    assert edited.length == expected.length == len(normalised("".join(expected.lines)))
    assert edited.text() == normalised("".join(expected.lines))
    assert edit.length_delta == edited.length - document.length
    assert edit.line_delta == len(edited.lines) - len(document.lines)
    assert edited.lines[: edit.start_line] == document.lines[: edit.start_line]
    assert (
        edited.lines[edit.end_line + 1 + edit.line_delta :] == document.lines[edit.end_line + 1 :]
    )


@given(text=TEXTS, new=TEXTS)
def test_a_whole_new_text_replaces_all(text: str, new: str) -> None:
    """A change without a range is the new text."""
    edited, _ = open_document(text).replace_all(new, 2)

    assert edited.lines == open_document(new).lines
    assert edited.version == 2


@pytest.mark.parametrize(
    ("line", "character", "expected"),
    [(0, 99, Point(0, 2)), (9, 0, Point(1, 3)), (0, 2, Point(0, 2)), (1, 1, Point(1, 1))],
)
def test_a_position_outside_moves_to_the_nearest_end(
    line: int, character: int, expected: Point
) -> None:
    """A column never reaches into the line end, a line past the last is the end of the text."""
    document = open_document("ab\r\ncde")

    assert document.point(line, character, PositionEncoding.UTF16) == expected


def test_halves_of_a_surrogate_pair_join() -> None:
    """Two edits that bring the halves of one character together make that character."""
    document = open_document("\ud83d")
    edited, _ = document.replace(Point(0, 1), Point(0, 1), "\ude0b", 2)

    assert edited.lines == ("😋",)
