"""Warm-up, plateau, decay on tokens, seconds and deadlines."""

import pytest

from training.schedule import Budget, ScheduleConfig, Stopwatch, phase, quantised, scale

CONFIG = ScheduleConfig(
    warmup=0.1, decay=0.2, quantised=0.05, context_stable=128, context_decay=256
)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.0, 0.02), (0.05, 0.5), (0.1, 1.0), (0.79, 1.0), (0.9, 0.5), (1.0, 0.0)],
)
def test_scale(progress: float, expected: float) -> None:
    """Linear up, level, linear down to nothing."""
    assert scale(CONFIG, progress) == pytest.approx(expected)


def test_phases() -> None:
    """The decay begins where the rate begins to fall; 4-bit weights come near the end."""
    assert (phase(CONFIG, 0.79), phase(CONFIG, 0.81)) == ("stable", "decay")
    assert (quantised(CONFIG, 0.94), quantised(CONFIG, 0.96)) == (False, True)


def test_token_budget_counts_tokens() -> None:
    """Time does not matter where tokens are given."""
    assert Budget(tokens=100).progress(seconds=1e9, tokens=25) == 0.25


def test_time_budget_counts_seconds() -> None:
    """Nor do tokens where a time is given, and nothing goes beyond the end."""
    assert Budget(seconds=100).progress(seconds=25, tokens=10**9) == 0.25
    assert Budget(seconds=100).progress(seconds=250, tokens=0) == 1.0


def test_deadline_counts_what_was_spent_before() -> None:
    """A run of 30 s that goes on 70 s before its deadline has used 30 %."""
    budget = Budget(until=1_070.0).resolved(spent_seconds=30.0, now=1_000.0)

    assert budget.progress(seconds=30.0, tokens=0) == pytest.approx(0.3)


def test_past_deadline_is_the_end() -> None:
    """No time is left, and nothing divides by zero."""
    assert Budget(until=5.0).resolved(spent_seconds=0.0, now=9.0).progress(seconds=0, tokens=0) == 0
    assert Budget(until=5.0).resolved(spent_seconds=3.0, now=9.0).progress(seconds=3, tokens=0) == 1


def test_stopwatch_adds_sessions() -> None:
    """Training time goes on from what the checkpoint holds."""
    now = [100.0]
    watch = Stopwatch(before=40.0, clock=lambda: now[0])
    now[0] = 105.0

    assert watch.seconds == 45.0
