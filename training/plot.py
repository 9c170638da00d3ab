"""Draws a run's log as a PNG file: loss, bits per byte, speed, expert balance, learning rate."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from training.errors import TrainingError

# N steps of the run

LOG_NAME: Final = "log.jsonl"
PLOT_NAME: Final = "log.png"
SMOOTHED_SHARE: Final = 50  # a smooth line averages N / 50 steps
_STEP: Final = (
    "step",
    "tokens",
    "nats",
    "bits_per_byte",
    "tokens_per_second",
    "lr",
    "phase",
    "expert_share",
)
_MILLION: Final = 1e6
_RAW, _SMOOTH, _POINTS = "#9ecae1", "#1f77b4", "#d62728"

Floats = npt.NDArray[np.float64]


class PlotError(TrainingError):
    """A log is missing or has no steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLog:
    """What a log says about the steps that the run's last weights went through; arrays are [N]."""

    tokens: Floats
    """In millions, at the end of the step."""
    nats: Floats
    bits_per_byte: Floats
    """Of the training mix."""
    tokens_per_second: Floats
    lr: Floats
    """As a share of the recipe's rates."""
    expert_share: Floats
    """[N, 2] smallest and largest share of an expert, smoothed; 1 is fair."""
    decay: npt.NDArray[np.bool_]
    heldout: Floats
    """[evaluations, 2] millions of tokens, bits per byte on held-out files."""


def read_log(path: Path) -> RunLog:
    """Read a log, also one that is being written.

    A run that went on from an earlier checkpoint did its steps twice: those that were given up are
    left out. So is a line that a kill has cut.

    Raises:
        PlotError: the file cannot be read, or holds no step.
    """
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError as error:
        raise PlotError(
            f"{path}: cannot be read ({error.strerror}); expected a run's log"
        ) from error
    steps: list[Mapping[str, Any]] = []
    heldout: list[Mapping[str, Any]] = []
    for row in _rows(lines):
        kind = row.get("event")
        if kind == "start" and "step" in row:
            steps = [old for old in steps if old["step"] <= row["step"]]
            heldout = [old for old in heldout if old["step"] <= row["step"]]
        elif kind == "heldout" and {"step", "tokens", "bits_per_byte"} <= row.keys():
            heldout.append(row)
        elif kind is None and row.keys() >= set(_STEP):
            steps.append(row)
    if not steps:
        raise PlotError(
            f"{path}: expected one line of JSON for each step of `python -m training pretrain`,"
            " found none"
        )

    def column(name: str) -> Floats:
        return np.array([row[name] for row in steps], np.float64)

    points = [(row["tokens"] / _MILLION, row["bits_per_byte"]) for row in heldout]
    return RunLog(
        tokens=column("tokens") / _MILLION,
        nats=column("nats"),
        bits_per_byte=column("bits_per_byte"),
        tokens_per_second=column("tokens_per_second"),
        lr=column("lr"),
        expert_share=column("expert_share"),
        decay=np.array([row["phase"] == "decay" for row in steps]),
        heldout=np.array(points, np.float64).reshape(-1, 2),
    )


def draw(log: RunLog, out: Path, title: str) -> None:
    """Write a PNG file, which replaces an older one only when complete.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second, and not always there

    figure = Figure(figsize=(9, 13), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(5, 1, sharex=True)
    loss, bits, speed, experts, rate = panels
    _curve(loss, log.tokens, log.nats)
    loss.set(ylabel="loss (nats a token)", ylim=_range(log.nats))
    _curve(bits, log.tokens, log.bits_per_byte)
    bits.plot(*log.heldout.T, "o-", color=_POINTS, markersize=3, label="held-out files")
    bits.set(ylabel="bits a byte", ylim=_range(log.bits_per_byte, log.heldout[:, 1]))
    bits.legend(loc="upper right")
    known = log.tokens_per_second > 0  # a program's first step has no predecessor to be timed from
    speed.plot(log.tokens[known], log.tokens_per_second[known], color=_SMOOTH)
    speed.set(ylabel="tokens a second", ylim=(0, None))
    experts.fill_between(log.tokens, *log.expert_share.T, color=_RAW)
    experts.axhline(1, color="black", linewidth=0.8)
    experts.set(ylabel="share of an expert,\nleast to most (1: fair)", ylim=(0, None))
    rate.plot(log.tokens, log.lr, color=_SMOOTH)
    rate.set(ylabel="learning rate\n(share of the recipe's)", ylim=(0, None))
    rate.set_xlabel("million tokens")
    for panel in panels:
        panel.grid(alpha=0.3)
        if log.decay.any():
            panel.axvline(log.tokens[log.decay.argmax()], color="grey", linestyle=":")
    partial = out.with_name(out.name + ".partial")
    try:
        figure.savefig(partial, format="png", dpi=100)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def draw_run(folder: Path) -> None:
    """Draw the log in a run's folder beside it; a failure is a line on stderr and no more."""
    try:
        draw(read_log(folder / LOG_NAME), folder / PLOT_NAME, str(folder))
    except Exception as error:  # noqa: BLE001 - hours of training are worth more than a picture
        print(f"\nno plot this time: {error!r}", file=sys.stderr, flush=True)


def smoothed(values: Floats) -> Floats:
    """Averages over N / 50 steps around each [N]; fewer at both ends."""
    half = len(values) // SMOOTHED_SHARE // 2
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    first, end = np.maximum(places - half, 0), np.minimum(places + half + 1, len(values))
    return np.asarray((sums[end] - sums[first]) / (end - first))


def _rows(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row


def _curve(panel: Any, tokens: Floats, values: Floats) -> None:  # noqa: ANN401 - matplotlib's
    panel.plot(tokens, values, color=_RAW, linewidth=0.6)
    panel.plot(tokens, smoothed(values), color=_SMOOTH, label="training mix")


def _range(*values: Floats) -> tuple[float, float]:
    """Limits that show the later values; the first steps may lie above."""
    joined = np.concatenate([smoothed(part) for part in values])
    low, high = float(joined.min()), float(np.quantile(joined, 0.98))
    margin = 0.05 * (high - low) or 1.0
    return max(0.0, low - margin), high + margin
