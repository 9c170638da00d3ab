"""What counts as growth, and that a short replay of a day ends well."""

from pathlib import Path

import pytest

from tests.soak.__main__ import Row, soak, verdict
from tests.soak.process import Held

HELD = {"resident_kib": 200_000, "anonymous_kib": 100_000, "threads": 9, "descriptors": 8}


def rows(count: int = 16, *, idle: float = 0.0, **slopes: float) -> list[Row]:
    """Return rows in which something grows by so much from one to the next."""
    grown = [
        {name: value + round(n * slopes.get(name, 0)) for name, value in HELD.items()}
        for n in range(count)
    ]
    return [
        Row(
            minutes=n / 3,
            held=Held(**held, children=round(n * slopes.get("children", 0))),
            kv_kib=0,
            idle=idle,
            answers=50,
            median_ms=100.0,
            p99_ms=400.0,
            cpu_ms=80.0,
        )
        for n, held in enumerate(grown)
    ]


def test_what_stays_as_it_is_passes() -> None:
    """As does what grows by little, and what falls."""
    assert verdict(rows()) == []
    assert verdict(rows(anonymous_kib=100, threads=-0.1)) == []


@pytest.mark.parametrize("name", ["anonymous_kib", "threads", "descriptors", "children"])
def test_what_grows_is_told(name: str) -> None:
    """Memory by a third of a percent a row, or a thing in every other row."""
    (wrong,) = verdict(rows(**{name: 330 if name == "anonymous_kib" else 0.5}))

    assert "grew" in wrong


def test_a_server_that_works_while_nothing_is_asked_is_told() -> None:
    """In each row."""
    assert len(verdict(rows(5, idle=0.5))) == 5


def test_a_few_minutes_of_a_day(tmp_path: Path) -> None:
    """The real server answers everything that the replay asks, and ends when it is told to."""
    lines, day = soak(tmp_path, seed=3, minutes=0.0, interval_s=0.0, files=6)

    assert day.problems == []
    assert len(lines) == 1
    assert day.did["keys"] > 10
    assert lines[0].held.children == 0
