"""Edit distance and similarity of lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.similarity import edit_distance, edit_similarity


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("abc", "acb", 2), ("same", "same", 0)],
)
def test_known_distances(one: str, other: str, distance: int) -> None:
    """Insertions, deletions and replacements count one each."""
    assert edit_distance(one, other) == distance
    assert edit_distance(other, one) == distance


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_distance_is_a_metric(one: str, other: str, third: str) -> None:
    """Zero for equal texts alone, and no way round is shorter."""
    assert (edit_distance(one, other) == 0) == (one == other)
    assert edit_distance(one, third) <= edit_distance(one, other) + edit_distance(other, third)


def test_similarity_is_a_share_of_the_longer_line() -> None:
    """1 for equal lines, 0 for lines without a common character."""
    assert edit_similarity("", "") == 1.0
    assert edit_similarity("abcd", "abcx") == 0.75
    assert edit_similarity("ab", "xyz") == 0.0
