"""A clock that is set while the server runs: the order of what was noted stays."""

import time
from collections.abc import Callable

import pytest

from lsp_server.history.calendar import Calendar
from lsp_server.history.records import new_id, time_of

HOUR_S = 3600.0
SetClock = Callable[[float], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Set the clock that somebody may set."""
    return lambda now_s: monkeypatch.setattr(time, "time", lambda: now_s)


def test_a_clock_that_goes_on_is_followed(set_clock: SetClock) -> None:
    """To the hour, forwards as far as it likes."""
    calendar = Calendar()
    told = []
    for hour in (1, 2, 100_000):
        set_clock(hour * HOUR_S)
        told.append(calendar.now() / HOUR_S)

    assert told == [1, 2, 100_000]


def test_a_clock_that_goes_back_leaves_identities_in_order(set_clock: SetClock) -> None:
    """Each has a millisecond of its own, until the clock is where it was."""
    calendar = Calendar()
    set_clock(1.7e9 + HOUR_S)
    ids = [new_id(calendar.now())]
    set_clock(1.7e9)
    ids += [new_id(calendar.now()) for _ in range(2000)]
    set_clock(1.7e9 + 2 * HOUR_S)
    ids.append(new_id(calendar.now()))

    milliseconds = [round(1000 * time_of(suggestion)) for suggestion in ids]
    assert milliseconds == sorted(set(milliseconds))
    assert time_of(ids[-2]) < 1.7e9 + HOUR_S + 10
    assert time_of(ids[-1]) == 1.7e9 + 2 * HOUR_S


def test_facts_follow_what_a_file_holds_of_the_future(set_clock: SetClock) -> None:
    """Written before the clock was put right, by this server or another one."""
    set_clock(1.7e9)
    latest = new_id(4e9)

    assert new_id(Calendar().now(time_of(latest))) > latest
