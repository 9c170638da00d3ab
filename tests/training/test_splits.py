"""Holes of fill-in-the-middle samples."""

# ruff: noqa: S311 - reproducible, nothing secret

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import splits

CODE = """import os


def walk(root):
    for name in os.listdir(root):
        if name.startswith("."):
            continue
        print(name)

    return None
"""


@given(text=st.text(max_size=200), seed=st.integers(0, 1000))
def test_spans_lie_in_the_text(text: str, seed: int) -> None:
    """Any text, also an empty one, gives a span within it or none."""
    span = splits.choose_span(Random(seed), text)

    assert span is None or 0 <= span[0] <= span[1] <= len(text)


def test_no_text_gives_no_span() -> None:
    """There is nothing to cut from nothing."""
    assert splits.choose_span(Random(1), "") is None


@pytest.mark.parametrize("seed", range(50))
def test_rest_of_line_ends_with_the_line(seed: int) -> None:
    """The hole is never empty and stops before the newline."""
    span = splits.rest_of_line(Random(seed), CODE)

    assert span is not None
    start, end = span
    assert start < end
    assert "\n" not in CODE[start:end]
    assert CODE[end] == "\n"


@pytest.mark.parametrize("seed", range(50))
def test_inside_line_stays_in_the_line(seed: int) -> None:
    """The hole has at least a character and no newline."""
    span = splits.inside_line(Random(seed), CODE)

    assert span is not None
    start, end = span
    assert start < end
    assert "\n" not in CODE[start:end]


@pytest.mark.parametrize("seed", range(50))
def test_next_lines_are_whole(seed: int) -> None:
    """The hole begins at an indentation, a line start or a line end, and stops at a line's end."""
    span = splits.next_lines(Random(seed), CODE)

    assert span is not None
    start, end = span
    assert CODE[end] == "\n"
    before = CODE[:start].rsplit("\n", 1)[-1]
    assert not before.strip() or CODE[start] == "\n"
    assert CODE[start:end].count("\n") <= splits.MAX_BLOCK_LINES


def test_every_kind_is_drawn() -> None:
    """Cursors in the middle of a word, at line ends and whole blocks all occur."""
    middles = set()
    for seed in range(300):
        span = splits.choose_span(Random(seed), CODE)
        assert span is not None
        middles.add(CODE[span[0] : span[1]])

    assert any(CODE.find(middle) and middle.startswith("ame") for middle in middles)
    assert any(middle.startswith("\n") for middle in middles)
    assert any(middle.count("\n") >= 3 for middle in middles)
