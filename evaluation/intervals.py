"""Rates, means and differences with their 95 % intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

Interval: TypeAlias = tuple[float, float]
Z95: Final = 1.959964  # two-sided normal quantile
_RESAMPLES: Final = 2000
_DIGITS: Final = 4


def rounded(value: float) -> float:
    """Return a figure with as many digits as a report shows."""
    return round(value, _DIGITS)


def wilson(hits: int, n: int) -> Interval:
    """Return Wilson's score interval of a share; (0, 1) where nothing was measured."""
    if not n:
        return 0.0, 1.0
    share = hits / n
    scale = 1 + Z95**2 / n
    centre = share + Z95**2 / (2 * n)
    spread = Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return rounded(max(0.0, low)), rounded(min(1.0, high))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How much more often one way is right than another, at the same places."""

    difference: float
    ci95: Interval


def paired_difference(one: Sequence[bool], other: Sequence[bool]) -> Difference:
    """Compare two ways that were tried at the same places.

    The interval is Bonett and Price's (2012): Wald's with one more disagreement of either kind.
    """
    n = len(one)
    gained = sum(a and not b for a, b in zip(one, other, strict=True))
    lost = sum(b and not a for a, b in zip(one, other, strict=True))
    more, less = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    spread = Z95 * math.sqrt((more + less - (more - less) ** 2) / (n + 2))
    low, high = max(-1.0, more - less - spread), min(1.0, more - less + spread)
    return Difference(
        difference=rounded((gained - lost) / n if n else 0.0), ci95=(rounded(low), rounded(high))
    )


def mean_interval(values: Sequence[float]) -> Interval:
    """Return the normal interval of a mean; (0, 1) for fewer than two values."""
    if len(values) < 2:  # noqa: PLR2004 - no spread can be told
        return 0.0, 1.0
    numbers = np.asarray(values, dtype=np.float64)
    mean = float(numbers.mean())
    spread = Z95 * float(numbers.std(ddof=1)) / math.sqrt(len(values))
    return rounded(mean - spread), rounded(mean + spread)


def ratio_interval(over: Sequence[float], under: Sequence[float]) -> Interval:
    """Return the interval of sum(over) / sum(under), pairs drawn anew 2,000 times (seed 0)."""
    tops = np.asarray(over, dtype=np.float64)
    bottoms = np.asarray(under, dtype=np.float64)
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(_RESAMPLES):
        drawn = rng.integers(0, len(tops), len(tops))
        ratios.append(tops[drawn].sum() / bottoms[drawn].sum())
    low, high = np.percentile(ratios, [2.5, 97.5])
    return rounded(float(low)), rounded(float(high))


def span(interval: Interval) -> str:
    """Return an interval of shares in per cent, for a table."""
    return f"{interval[0]:.1%} to {interval[1]:.1%}"
