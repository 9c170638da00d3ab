"""Intervals against published values, and by drawing many samples."""

import numpy as np
import pytest

from evaluation.intervals import (
    mean_interval,
    paired_difference,
    ratio_interval,
    span,
    wilson,
)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17: 857-872, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_published_intervals(hits: int, n: int, low: float, high: float) -> None:
    """To four digits."""
    assert wilson(hits, n) == (low, high)


def test_wilson_of_nothing_says_nothing() -> None:
    """Without a trial any rate is possible; with all hits the interval ends at 1."""
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(9, 9)[1] == 1.0


def test_a_difference_counts_disagreements_alone() -> None:
    """Places where both are right or both wrong shift nothing, but narrow the interval."""
    few = paired_difference([True, True, False], [False, True, False])
    many = paired_difference([True] * 50 + [False] * 49 + [True], [True] * 50 + [False] * 50)

    assert few.difference == pytest.approx(1 / 3, abs=1e-4)
    assert many.difference == pytest.approx(1 / 100)
    assert many.ci95[0] < 0 < many.ci95[1]
    assert many.ci95[1] - many.ci95[0] < few.ci95[1] - few.ci95[0]


def test_the_interval_of_a_difference_covers_it() -> None:
    """Of 400 samples of 200 pairs about 95 % have the true difference of 0.1 inside."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        draw = rng.random(200)
        found = paired_difference((draw < 0.4).tolist(), ((draw > 0.1) & (draw < 0.4)).tolist())
        covered += found.ci95[0] <= 0.1 <= found.ci95[1]

    assert 0.92 <= covered / 400 <= 0.99


def test_swapped_ways_swap_the_sign() -> None:
    """The difference is that of the first from the second."""
    one, other = [True, False, True, False], [False, False, True, False]
    forth, back = paired_difference(one, other), paired_difference(other, one)

    assert forth.difference == -back.difference > 0
    assert forth.ci95 == (-back.ci95[1], -back.ci95[0])


def test_means_and_ratios_lie_inside_their_intervals() -> None:
    """And a ratio's interval is nothing but a point where all pairs have the same ratio."""
    low, high = mean_interval([0.0, 0.5, 1.0, 0.5])

    assert low < 0.5 < high
    assert mean_interval([1.0]) == (0.0, 1.0)
    assert ratio_interval([2.0, 4.0, 8.0], [1.0, 2.0, 4.0]) == (2.0, 2.0)
    low, high = ratio_interval([1.0, 4.0, 9.0], [1.0, 2.0, 3.0])
    assert low < 14 / 6 < high
    assert span((0.125, 0.25)) == "12.5% to 25.0%"
