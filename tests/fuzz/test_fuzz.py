"""A short run of the fuzzer, and proof that it notices what it is there for."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.__main__ import KINDS, draw_round, fuzz
from tests.fuzz.harness import Case, run_round

ROOT = Path(__file__).resolve().parents[2]


def test_a_thousand_calls_end_as_documented() -> None:
    """Right ones succeed with right values, wrong ones are refused; `make fuzz` runs 10^5."""
    ran, failures = fuzz(seed=5, first=0, rounds=21, cases=60)

    assert failures == []
    assert set(ran) == {kind.op for kind in KINDS}
    assert ran.total() > 900


def test_a_round_is_the_same_whatever_ran_before() -> None:
    """A failure can be repeated from its seed and number."""
    for number in range(6):
        one, rng = draw_round(3, number)
        other, again = draw_round(3, number)

        assert one.attributes == other.attributes
        for _ in range(5):
            left, right = one.case(rng), other.case(again)
            assert left.refused == right.refused
            assert {n: a.tobytes() for n, a in left.feeds.items()} == {
                n: a.tobytes() for n, a in right.feeds.items()
            }


@pytest.mark.parametrize("kind", KINDS)
def test_right_and_wrong_calls_are_both_drawn(kind: type) -> None:
    """Neither side of the rules goes untried."""
    rng = np.random.default_rng(0)
    refused = [kind(rng).case(rng).refused for _ in range(300)]

    assert 60 < sum(refused) < 240


def test_a_wrong_verdict_is_a_failure() -> None:
    """Both ways: accepted where it must be refused, refused where it must succeed."""

    class Turned:
        """A round that expects the opposite."""

        def __init__(self) -> None:
            rounds = (draw_round(5, number)[0] for number in range(0, 30, 3))
            self._one = next(one for one in rounds if not one.refused)

        def __getattr__(self, name: str) -> object:
            return getattr(self._one, name)

        def case(self, rng: np.random.Generator) -> Case:
            case = self._one.case(rng)
            return Case(feeds=case.feeds, outputs=case.outputs, refused=not case.refused)

    told = list(run_round(Turned(), np.random.default_rng(0), 40))

    assert all(told)
    assert any("not refused" in one for one in told)
    assert any("refused: " in one for one in told)


def test_a_read_behind_an_array_is_a_fault() -> None:
    """The arena's last byte can be read, the next one kills the process."""
    script = (
        "import ctypes, numpy as np\n"
        "from tests.fuzz.memory import Arena\n"
        "array = Arena().hold(np.arange(7, dtype=np.int32))\n"
        "assert array.tolist() == list(range(7))\n"
        "print(ctypes.string_at(array.ctypes.data, array.nbytes + EXTRA)[-1])\n"
    )
    ends = [
        subprocess.run(
            [sys.executable, "-c", script.replace("EXTRA", extra)],
            cwd=ROOT,
            check=False,
            capture_output=True,
        ).returncode
        for extra in ("0", "1")
    ]

    assert ends == [0, -11]
