"""What llama.vim sends of a buffer, and what of an answer it shows."""

import random

import pytest

from evaluation.keystrokes.assistant import Suggestion
from evaluation.keystrokes.llama_ring import Ring
from evaluation.keystrokes.llama_text import around, shown_text

LINES = ["def f(a):", "    return g()", "", "def h(b):"]


def test_lines_above_and_below_and_the_line_itself() -> None:
    """Whole lines before, the rest of the line and whole lines behind."""
    view = around(LINES, 1, len("    return g("))

    assert (view.prefix, view.middle) == ("def f(a):\n", "    return g(")
    assert view.suffix == ")\n\ndef h(b):\n"
    assert (view.line_rest, view.indent) == (")", 4)


def test_a_blank_line_is_begun_anew() -> None:
    """The model writes its indentation; what stands there already is taken off the answer."""
    lines = ["def f(a):", "    ", "x = 1"]
    view = around(lines, 1, 4)

    assert (view.prefix, view.middle, view.suffix) == ("def f(a):\n", "", "\nx = 1\n")
    assert shown_text("    return a\n", lines, 1, 4) == Suggestion(text="return a", absorbed=0)


def test_ahead_of_what_is_shown() -> None:
    """The text is where accepting would put the cursor."""
    view = around(LINES, 0, len("def f("), ["a, b):", "    pass"])

    assert (view.prefix, view.middle) == ("def f(a, b):\n", "    pass")


def test_the_rest_of_the_line_moves_behind_what_is_shown() -> None:
    """A bracket that the editor has closed."""
    assert shown_text("1, 2", LINES, 1, len("    return g(")) == Suggestion(
        text="1, 2)", absorbed=1
    )


@pytest.mark.parametrize(
    ("content", "row", "column"),
    [
        ("", 0, 3),
        ("\n\n", 0, 3),
        (")", 1, len("    return g(")),  # the rest of the line
        ("\n\ndef h(b):", 1, len("    return g()")),  # the next lines
        ("def h(b):", 2, 0),  # the next line with text
    ],
)
def test_what_stands_there_already_is_discarded(content: str, row: int, column: int) -> None:
    """Blank answers and repetitions of what follows."""
    assert shown_text(content, LINES, row, column) is None


def test_the_ring_keeps_no_chunk_twice_and_none_like_the_context() -> None:
    """Nearly equal chunks replace each other; what resembles the cursor's surroundings leaves."""
    ring = Ring(random.Random(0))  # noqa: S311 - repeatable
    lines = [f"line {number}" for number in range(30)]
    ring.pick("a.py", lines)
    ring.pick("a.py", [*lines[:-1], "changed"])
    ring.pick("b.py", ["x", "y"])  # too few
    assert [chunk.path for chunk in ring.chunks] == ["a.py"]
    assert ring.chunks[0].lines[-1] == "changed"
    ring.drop_like("c.py", ["z"] * 30)
    assert len(ring.chunks) == 1
    ring.drop_like("c.py", lines)

    assert ring.chunks == []


def test_the_ring_has_sixteen_chunks() -> None:
    """The oldest leaves."""
    ring = Ring(random.Random(0))  # noqa: S311 - repeatable
    for number in range(20):
        ring.pick(f"{number}.py", [f"{number} {line}" for line in range(5)])

    assert [chunk.path for chunk in ring.chunks] == [f"{number}.py" for number in range(4, 20)]
