"""The distance between names."""

import pytest

from lsp_server.fixes.candidates.nearness import distance_cost, edit_distance, near


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("abc", "abc", 0),
        ("abc", "acb", 1),
        ("abc", "ab", 1),
        ("abc", "xbc", 1),
        ("abcd", "badc", 2),
    ],
)
def test_edit_distance(one: str, other: str, distance: int) -> None:
    """A letter wrong, missing, too many or swapped with the next counts one."""
    assert edit_distance(one, other, 3) == edit_distance(other, one, 3) == distance


def test_distance_stops_at_its_limit() -> None:
    """Names that are too far apart are not compared to the end."""
    assert edit_distance("a" * 40, "b" * 40, 2) == 3


def test_case_and_underscores_cost_least() -> None:
    """`my_name` is nearer to `myName` than to `my_names`."""
    assert [found.name for found in near("my_name", ["my_names", "myName"])] == [
        "myName",
        "my_names",
    ]


def test_short_names_are_not_near() -> None:
    """Two letters of four are another name; words in another order are the same."""
    assert distance_cost("data", "date") is not None
    assert distance_cost("data", "dome") is None
    assert distance_cost("size_max", "max_size") is not None
