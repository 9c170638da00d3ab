"""How much two sequences share at their start."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def common_prefix(one: Sequence[T], other: Sequence[T]) -> int:
    """Return how many leading elements (ids of two lists, characters of two texts) are equal."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # comparing slices runs in C; a loop over the elements would not
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
