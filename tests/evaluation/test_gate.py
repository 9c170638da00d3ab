"""`mixline eval gate`: the real model on the project's own files, and the arithmetic behind it."""

import math

import pytest

from evaluation.gate import Shown, _bins, _fit, _threshold, evaluate, plot, table
from evaluation.options import Options
from inference import default_model
from lsp_server.postprocess.confidence import CALIBRATION


def shown(confidence: float, *, right: bool) -> Shown:
    return Shown(visible=9, confidence=confidence, right=right)


def test_a_gate_shows_less_the_stricter_it_is(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the whole way, with the shipped model: coverage falls as the threshold rises."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    report = evaluate(Options(model=default_model(), limit=24))

    coverage = [row.coverage for row in report.thresholds]
    assert report.n == 24
    assert coverage == sorted(coverage, reverse=True)
    assert coverage[0] > 0
    assert "(default)" in table(report)
    assert plot(report).startswith("<svg")


def test_shares_count_all_places_and_rates_what_is_shown() -> None:
    """Coverage is of the places, precision of the suggestions."""
    row = _threshold(
        [shown(0.9, right=True), shown(0.8, right=False), shown(0.1, right=False)], 10, 0.5
    )

    assert (row.shown, row.coverage, row.precision) == (2, 0.2, 0.5)


def test_bins_hold_what_is_about_as_sure() -> None:
    """Confidence 1 belongs to the last tenth."""
    bins = _bins([shown(0.05, right=False), shown(0.95, right=True), shown(1.0, right=False)])

    assert [(row.n, row.right) for row in bins] == [(1, 0.0), (2, 0.5)]


def test_the_fit_finds_the_exponent_that_the_outcomes_have() -> None:
    """Where a probability p comes true at p squared, the exponent is 2."""
    outcomes = []
    for probability in (0.9, 0.7, 0.5):
        right = round(1000 * probability**2)
        value = math.exp(CALIBRATION * math.log(probability))
        outcomes += [shown(value, right=number < right) for number in range(1000)]

    assert _fit(outcomes) == pytest.approx(2.0, abs=0.051)
