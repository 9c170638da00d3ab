"""Moves the gate's threshold with what one user has made of the suggestions shown so far.

The shipped confidence is the probability that a line is right, fitted on other people's code. Here
the log-odds of that probability are shifted and stretched until they agree with the user's own
verdicts: logistic regression on one feature, with a normal prior around "as shipped", so that few
verdicts move little. The threshold is then the confidence at which the user's own probability
reaches the setting `minimumConfidence`.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

LEAST_EVENTS: Final = 200  # verdicts below which nothing moves
BAND: Final = 0.7  # log-odds that a threshold may move: from 0.25 to 0.14 or 0.4
_SHIFT_SPREAD: Final = 0.5  # standard deviations of the prior, in log-odds
_SLOPE_SPREAD: Final = 0.25
_LEAST_SLOPE: Final = 0.25  # a surer suggestion is never taken for a worse one
_SURE: Final = 0.995  # a confidence of 1 has no log-odds
_MOST_STEPS: Final = 50
_CLOSE_ENOUGH: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One suggestion that was shown without being asked for."""

    language: str
    confidence: float
    wanted: bool  # accepted and kept, or typed to its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How a user's log-odds follow from the shipped ones."""

    shift: float = 0.0
    slope: float = 1.0
    events: int = 0

    def threshold(self, minimum: float) -> float:
        """Return the confidence that stands for `minimum` here; one near 0 or 1 stays."""
        if self.events < LEAST_EVENTS or not 1.0 - _SURE < minimum < _SURE:
            return minimum
        own = probability((log_odds(minimum) - self.shift) / self.slope)
        lowest, highest = band(minimum)
        return min(max(own, lowest), highest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrations:
    """All of one user; a language with enough verdicts has its own."""

    overall: Calibration = Calibration()
    languages: Mapping[str, Calibration] = field(default_factory=dict)

    def of(self, language: str) -> Calibration:
        """Return the one that a document of a language goes by."""
        return self.languages.get(language, self.overall)


def learn(outcomes: Iterable[Outcome]) -> Calibrations:
    """Fit every language that has enough verdicts, and all of them together."""
    by_language: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_language[outcome.language].append(outcome)
    return Calibrations(
        overall=fit([outcome for group in by_language.values() for outcome in group]),
        languages={
            language: fit(group)
            for language, group in by_language.items()
            if len(group) >= LEAST_EVENTS
        },
    )


def fit(outcomes: Sequence[Outcome]) -> Calibration:
    """Return the most likely shift and slope (Newton's method on the log-posterior)."""
    if len(outcomes) < LEAST_EVENTS:
        return Calibration(events=len(outcomes))
    points = [(log_odds(outcome.confidence), outcome.wanted) for outcome in outcomes]
    shift, slope = 0.0, 1.0
    for _ in range(_MOST_STEPS):
        # Gradient and (positive) curvature of minus the log-posterior.
        gradient_a, gradient_b = shift / _SHIFT_SPREAD**2, (slope - 1.0) / _SLOPE_SPREAD**2
        curve_aa, curve_ab, curve_bb = 1.0 / _SHIFT_SPREAD**2, 0.0, 1.0 / _SLOPE_SPREAD**2
        for x, wanted in points:
            p = probability(shift + slope * x)
            error, weight = p - wanted, p * (1.0 - p)
            gradient_a += error
            gradient_b += error * x
            curve_aa += weight
            curve_ab += weight * x
            curve_bb += weight * x * x
        determinant = curve_aa * curve_bb - curve_ab * curve_ab
        step_a = (curve_bb * gradient_a - curve_ab * gradient_b) / determinant
        step_b = (curve_aa * gradient_b - curve_ab * gradient_a) / determinant
        length = max(abs(step_a), abs(step_b), 1.0)  # far away a full step may overshoot
        shift -= step_a / length
        slope -= step_b / length
        if max(abs(step_a), abs(step_b)) < _CLOSE_ENOUGH:
            break
    return Calibration(shift=shift, slope=max(slope, _LEAST_SLOPE), events=len(points))


def band(minimum: float) -> tuple[float, float]:
    """Return the bounds of the threshold for a setting between 0 and 1."""
    shipped = log_odds(minimum)
    return probability(shipped - BAND), probability(shipped + BAND)


def log_odds(confidence: float) -> float:
    """Return the log-odds of a confidence, bounded at both ends."""
    bounded = min(max(confidence, 1.0 - _SURE), _SURE)
    return math.log(bounded / (1.0 - bounded))


def probability(odds: float) -> float:
    """Return the probability of log-odds."""
    return 1.0 / (1.0 + math.exp(-odds))
