"""Windows: typing moves neither edge, edits above move along, long lines are cut."""

from itertools import pairwise

from lsp_server.context.around_cursor import PREFIX_CHARACTERS, SUFFIX_CHARACTERS, WindowPins
from lsp_server.document import Document, Point


def open_document(text: str) -> Document:
    return Document.of_text(uri="u", version=1, language="python", text=text)


def numbered(count: int) -> str:
    return "".join(f"line {number:06}\n" for number in range(count))


def test_a_small_document_is_taken_whole() -> None:
    """Everything before and behind the cursor is in the window, with one kind of line end."""
    window = WindowPins().window(open_document("a\r\nb😋c\rd"), Point(1, 2))

    assert (window.prefix, window.suffix) == ("a\nb😋", "c\nd")
    assert (window.start_line, window.start_column) == (0, 0)


def test_the_edges_stay_while_somebody_types() -> None:
    """Typing 3,000 characters at one place moves the beginning not once, nor the text behind it."""
    document = open_document(numbered(5000))
    pins = WindowPins()
    cursor = Point(2500, 4)
    first = pins.window(document, cursor)
    for _ in range(30):
        end = Point(cursor.line, cursor.column + 100)
        document, edit = document.replace(cursor, cursor, "x" * 100, 2)
        pins.edited("u", edit)
        cursor = end
        window = pins.window(document, cursor)

        assert window.start_line == first.start_line
        assert window.suffix == first.suffix
    assert len(first.prefix) <= PREFIX_CHARACTERS
    assert len(first.prefix) >= PREFIX_CHARACTERS - 20
    assert SUFFIX_CHARACTERS - 20 <= len(first.suffix) <= SUFFIX_CHARACTERS
    assert first.prefix.startswith("line ")
    assert first.suffix.endswith("\n")


def test_the_beginning_moves_in_jumps() -> None:
    """A prefix that has grown by a quarter is cut back to its length at once."""
    document = open_document(numbered(5000))
    pins = WindowPins()

    starts = [pins.window(document, Point(line, 0)).start_line for line in range(2500, 3500)]

    moves = [after - before for before, after in pairwise(starts)]
    assert {move for move in moves if move} == {max(moves)}
    assert max(moves) * len("line 000000\n") >= PREFIX_CHARACTERS // 4 - 24


def test_lines_inserted_above_the_window_move_its_beginning_along() -> None:
    """An import added at the top leaves the text of the window as it was."""
    document = open_document(numbered(5000))
    pins = WindowPins()
    before = pins.window(document, Point(3000, 0))

    document, edit = document.replace(Point(0, 0), Point(0, 0), "import a\nimport b\n", 2)
    pins.edited("u", edit)
    after = pins.window(document, Point(3002, 0))

    assert after.prefix == before.prefix
    assert after.start_line == before.start_line + 2


def test_closers_at_the_cursor_do_not_move_the_end() -> None:
    """What the editor inserts on the cursor's line cuts off no line below."""
    document = open_document(numbered(5000))
    pins = WindowPins()
    at = Point(2500, 4)
    before = pins.window(document, at).suffix
    for closer in ")" * 12:
        document, _ = document.replace(at, at, closer, 2)
        after = pins.window(document, at).suffix

        assert after.partition("\n")[2] == before.partition("\n")[2]


def test_a_very_long_line_is_cut_inside_and_its_edge_is_pinned_too() -> None:
    """In a line of a megabyte the window begins inside it, at the same place for many keys."""
    document = open_document("x" * 1_000_000)
    pins = WindowPins()

    windows = [pins.window(document, Point(0, 500_000 + step)) for step in range(2000)]

    assert len({window.start_column for window in windows}) <= 2
    assert all(len(window.prefix) <= PREFIX_CHARACTERS * 5 // 4 for window in windows)
    assert all(len(window.suffix) == SUFFIX_CHARACTERS for window in windows)


def test_lone_surrogates_become_a_printable_character() -> None:
    """What no encoder takes is replaced, character for character."""
    window = WindowPins().window(open_document("a\ud800b"), Point(0, 3))

    assert window.prefix == "a\ufffdb"
