"""Tokens that end a line in the same way are one choice."""

import numpy as np
import pytest

from inference.line_ends import NO_LINE_ENDS, LineEnds

TEXTS = [b"", b"x", b"\n", b"\n    ", b")\n", b")\n\n    ", b")", b" \r\n", b"):\n"]


def test_equals_are_those_up_to_the_break() -> None:
    """Stop and bare breaks are one; a bracket with a break is another; a bracket alone is not."""
    ends = LineEnds.among(zip(TEXTS, range(len(TEXTS)), strict=True), frozenset({0}))

    assert dict(ends.equal) == {0: 2, 3: 2, 7: 2, 5: 4}


def test_probabilities_go_to_the_one_that_stands_for_all() -> None:
    """The sum stays; what is not merged keeps its own."""
    ends = LineEnds.among(zip(TEXTS, range(len(TEXTS)), strict=True), frozenset({0}))
    probabilities = np.asarray([0.1, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], dtype=np.float32)
    ends.merge(probabilities)

    assert probabilities == pytest.approx([0, 0.2, 0.4, 0, 0.2, 0, 0.1, 0, 0.1])


def test_without_a_break_nothing_is_equal() -> None:
    """A vocabulary of words alone, and the answer of several lines."""
    words = LineEnds.among([(b"a", 1), (b"b", 2)], frozenset({0}))
    probabilities = np.asarray([0.5, 0.3, 0.2], dtype=np.float32)
    for ends in (words, NO_LINE_ENDS):
        ends.merge(probabilities)

    assert not words.equal
    assert probabilities == pytest.approx([0.5, 0.3, 0.2])
