"""The threshold follows simulated users, within bounds, and not before it knows enough."""

import random
from collections.abc import Callable

import pytest

from lsp_server.history.calibration import (
    LEAST_EVENTS,
    Calibration,
    Outcome,
    band,
    fit,
    learn,
    log_odds,
    probability,
)

SHIPPED = 0.5


def verdicts(
    wants: Callable[[float, random.Random], bool],
    count: int,
    language: str = "python",
    seed: int = 1,
) -> list[Outcome]:
    """What a user says to suggestions as a gate at 0.5 shows them."""
    rng = random.Random(seed)  # noqa: S311 - a simulation
    shown = [rng.uniform(SHIPPED, 1.0) for _ in range(count)]
    return [Outcome(language=language, confidence=c, wanted=wants(c, rng)) for c in shown]


def shifted(shift: float) -> Callable[[float, random.Random], bool]:
    """A user for whom suggestions are right more (or less) often than their confidence says."""
    return lambda c, rng: rng.random() < probability(log_odds(c) + shift)


def test_who_accepts_everything_gets_more_and_who_rejects_everything_less() -> None:
    """Both as far as the band reaches."""
    lowest, highest = band(SHIPPED)

    assert fit(verdicts(lambda c, rng: True, 1000)).threshold(SHIPPED) == pytest.approx(lowest)  # noqa: ARG005
    assert fit(verdicts(lambda c, rng: False, 1000)).threshold(SHIPPED) == pytest.approx(highest)  # noqa: ARG005
    assert 0.32 < lowest < 0.34
    assert 0.66 < highest < 0.68


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_goes_where_the_user_stands(seed: int) -> None:
    """Right more often than foretold: more; as often: about as much; less often: less."""
    more, same, less = (
        fit(verdicts(shifted(shift), 2000, seed=seed)).threshold(SHIPPED)
        for shift in (0.6, 0.0, -0.6)
    )

    assert more < 0.45 < same < 0.55 < less


def test_a_user_as_foretold_is_left_alone_by_few_verdicts() -> None:
    """The prior outweighs the chance of 200 verdicts: on average it moves by less than 0.05."""
    moves = [
        fit(verdicts(shifted(0.0), LEAST_EVENTS, seed=seed)).threshold(SHIPPED) - SHIPPED
        for seed in range(30)
    ]

    assert sum(map(abs, moves)) / len(moves) < 0.05


@pytest.mark.parametrize("wanted", [True, False])
def test_fewer_than_200_verdicts_change_nothing(*, wanted: bool) -> None:
    """Whatever they say; one more does."""
    few = verdicts(lambda c, rng: wanted, LEAST_EVENTS - 1)  # noqa: ARG005
    enough = verdicts(lambda c, rng: wanted, LEAST_EVENTS)  # noqa: ARG005

    assert fit(few).threshold(SHIPPED) == SHIPPED
    assert (fit(enough).threshold(SHIPPED) < SHIPPED) is wanted


@pytest.mark.parametrize("minimum", [0.05, 0.3, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("shift", [-9.0, -0.2, 0.3, 9.0])
def test_no_setting_leaves_its_band(minimum: float, shift: float) -> None:
    """The setting stays the user's wish; it moves both ways around it."""
    own = fit(verdicts(shifted(shift), 500)).threshold(minimum)
    lowest, highest = band(minimum)

    assert lowest <= own <= highest
    assert lowest < minimum < highest


@pytest.mark.parametrize("minimum", [0.0, 1.0])
def test_all_and_nothing_stay_all_and_nothing(minimum: float) -> None:
    """Who wants to see everything, or nothing, is not argued with."""
    assert Calibration(shift=2.0, events=LEAST_EVENTS).threshold(minimum) == minimum


def test_a_surer_suggestion_is_never_taken_for_a_worse_one() -> None:
    """Even of a user who takes the unsure ones alone; so the threshold rises with the setting."""
    odd = fit(verdicts(lambda c, rng: c < 0.7, 2000))  # noqa: ARG005
    thresholds = [odd.threshold(minimum / 20) for minimum in range(1, 20)]

    assert odd.slope > 0
    assert thresholds == sorted(thresholds)


def test_a_language_with_enough_verdicts_goes_its_own_way() -> None:
    """The others follow all of them together."""
    learned = learn(
        [
            *verdicts(lambda c, rng: False, 300, "python"),  # noqa: ARG005
            *verdicts(lambda c, rng: True, 900, "go"),  # noqa: ARG005
            *verdicts(lambda c, rng: False, 10, "rust"),  # noqa: ARG005
        ]
    )

    assert learned.of("python").threshold(SHIPPED) > SHIPPED > learned.of("go").threshold(SHIPPED)
    assert learned.of("rust") == learned.of("c") == learned.overall
    assert learned.overall.events == 1210
