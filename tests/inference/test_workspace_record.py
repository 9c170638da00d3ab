"""What a generation has written of a line, token by token."""

import numpy as np
import pytest

from inference.workspace_record import Record, centinats_of


def test_what_lies_within_the_last_characters_is_covered() -> None:
    """Whole tokens only; those that wrote old text alone count where all that is new is covered."""
    record = Record().and_then(0, 100).and_then(3, 20).and_then(5, 7)
    tokens, centinats = record.covered(np.asarray([0, 1, 2, 4, 5, 80], dtype=np.int32))

    assert record.tokens == 3
    assert tokens.tolist() == [0, 0, 1, 1, 3, 3]
    assert centinats.tolist() == [0, 0, 7, 7, 127, 127]


def test_a_later_line_begins_where_the_text_is() -> None:
    """Characters of the lines before it are no part of it."""
    record = Record(lengths=(40,)).and_then(44, 5)
    tokens, centinats = record.covered(np.asarray([3, 4, 44], dtype=np.int32))

    assert tokens.tolist() == [0, 1, 1]
    assert centinats.tolist() == [0, 5, 5]


def test_centinats_are_bounded() -> None:
    """Nothing is certain or impossible to less than one in ten thousand."""
    assert centinats_of(1.0) == 0
    assert centinats_of(0.5) == pytest.approx(69, abs=1)
    assert centinats_of(0.0) == centinats_of(1e-4) == 921
