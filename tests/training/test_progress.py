"""The progress line and the log."""

import json
from contextlib import closing
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training.checkpoint import State  # noqa: E402 - torch first
from training.progress import Progress  # noqa: E402
from training.schedule import Budget  # noqa: E402


def report(path: Path, budget: Budget, seconds: list[float]) -> list[dict[str, object]]:
    """Notes steps of 1,000 tokens that end at the given seconds; returns the log."""
    with closing(Progress(path, budget)) as log:
        for step, moment in enumerate(seconds, start=1):
            log.step(
                State(step=step, tokens=1000 * step),
                seconds=moment,
                phase="stable",
                lr=1.0,
                nats=3.0,
                bits=1.5,
                load=torch.tensor([[0.75, 0.25], [0.5, 0.5]]),
            )
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_log_states_loss_speed_and_balance(tmp_path: Path) -> None:
    """One row a step; the share of an expert is 1 when it is fair."""
    rows = report(tmp_path / "log.jsonl", Budget(tokens=10_000), [2.0, 4.0, 6.0])

    assert [row["tokens_per_second"] for row in rows] == [0, 500, 500]
    assert rows[-1]["expert_share"] == [0.5, 1.5]
    assert (rows[-1]["nats"], rows[-1]["bits_per_byte"], rows[-1]["step"]) == (3.0, 1.5, 3)


def test_a_slow_step_counts_by_its_time(tmp_path: Path) -> None:
    """Speed is tokens over time, not a mean of speeds, which would hide a pause."""
    rows = report(tmp_path / "log.jsonl", Budget(tokens=10_000), [1.0, 2.0, 102.0])

    assert rows[-1]["tokens_per_second"] == pytest.approx(1000 / (0.95 * 1 + 0.05 * 100), abs=1)


@pytest.mark.parametrize(
    ("budget", "left"), [(Budget(tokens=101_000), "0:01:40"), (Budget(seconds=3702.0), "1:01:40")]
)
def test_line_says_what_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], budget: Budget, left: str
) -> None:
    """From tokens and speed, or from the time."""
    report(tmp_path / "log.jsonl", budget, [1.0, 2.0])
    capsys.readouterr()
    with closing(Progress(tmp_path / "log.jsonl", budget)) as log:
        for step, moment in ((0, 1.0), (1, 2.0)):
            log._shown = -100.0
            log.step(
                State(step=step, tokens=1000 * step),
                seconds=moment,
                phase="stable",
                lr=1.0,
                nats=3.0,
                bits=1.5,
                load=torch.tensor([[0.5, 0.5]]),
            )

    assert f"{left} left" in capsys.readouterr().err.splitlines()[-1]


def test_events_are_dated_and_appended(tmp_path: Path) -> None:
    """A resumed run goes on in the same log."""
    for _ in range(2):
        with closing(Progress(tmp_path / "log.jsonl", Budget(tokens=1))) as log:
            log.event("start", {"step": 0})

    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["event"] for row in rows] == ["start", "start"]
    assert rows[0]["time"].endswith("Z")
