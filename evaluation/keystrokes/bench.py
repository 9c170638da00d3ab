"""Runs the typist and turns what happened into figures."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from evaluation.intervals import Interval, rounded, wilson
from evaluation.keystrokes.client import EditorClient
from evaluation.keystrokes.passages import Task, choose_tasks
from evaluation.keystrokes.replay import Record, Replay, Situation
from evaluation.machine import Machine, describe_machine
from evaluation.plot import Line, line_plot
from evaluation.progress import Progress
from evaluation.repositories import read_repositories
from inference import default_model
from inference.model_dir import ModelDir
from inference.tokenizer import Tokenizer

_PERCENTILES: Final = 100
_MEGABYTE_KB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds from a key to its suggestion; None where there was none."""

    situation: str
    n: int
    p50: float | None
    p90: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeystrokesReport:
    """All figures of one run, and what they were measured on."""

    machine: Machine
    model: str
    passages: int
    keys: int  # pressed
    keys_without: int  # that the same text takes without suggestions
    suggestions: int
    shown_per_100_keys: float
    right_rate: float  # suggestions that are exactly the file's text
    right_ci95: Interval
    right_characters: (
        float  # share of the shown characters that agree up to the first that does not
    )
    accepted: int
    saved_share: float  # keys saved / keys_without
    net_saved_share: float  # one key taken off for each suggestion that was read and wrong
    latency: tuple[Latency, ...]
    cached_share_median: float | None  # of the prompt, per key that ran the model
    generated_tokens: int
    wasted_tokens: int  # generated and not in an accepted suggestion
    cpu_seconds_per_1000_keys: float
    peak_memory_mb: float


def bench_keystrokes(
    data: Path | None, model: Path | None, *, passages: int, seed: int
) -> KeystrokesReport:
    """Type passages of the repositories of a folder.

    Args:
        data: a folder of repositories; None for this project's own packages.
        model: model directory; None for the default.
        passages: how many.
        seed: of the choice of passages and of the typist.

    Raises:
        MixlineError: no data, no model, or the server did not come up.
    """
    tasks = choose_tasks(read_repositories(data), passages, seed)
    root = Path(__file__).parents[2] if data is None else data.resolve()
    directory = model or default_model()
    record, cpu_s, peak_mb = asyncio.run(_run(tasks, root, directory, seed))
    return _report(record, directory, passages, cpu_s, peak_mb)


async def _run(
    tasks: Sequence[Task], root: Path, model: Path, seed: int
) -> tuple[Record, float, float]:
    """Return the record, the server's CPU seconds while typing, and its peak memory in MB."""
    replays: list[Replay] = []

    def ready(version: int, line: int, character: int) -> None:
        for replay in replays:
            replay.late_result(version, line, character)

    async with EditorClient(model, root, ready) as client:
        replay = Replay(client, seed)
        replays.append(replay)
        started = _cpu_seconds(client.pid)
        with Progress("keystrokes", len(tasks)) as progress:
            for task in tasks:
                await replay.type(task.passage, root, task.neighbours)
                progress.advance()
        return replay.record, _cpu_seconds(client.pid) - started, _peak_mb(client.pid)


def _report(
    record: Record, model: Path, passages: int, cpu_s: float, peak_mb: float
) -> KeystrokesReport:
    sights = record.sights
    right = sum(sight.right for sight in sights)
    characters = sum(sight.characters for sight in sights)
    saved = sum(sight.keys_saved for sight in sights)
    wrong_read = sum(sight.read and not sight.accepted and not sight.right for sight in sights)
    without = max(1, record.keys_without)
    directory = ModelDir.open(model)
    tokenizer = Tokenizer.open(directory.tokenizer)
    useful = sum(len(tokenizer.encode(text)) for text in record.accepted_text)
    return KeystrokesReport(
        machine=describe_machine(),
        model=directory.manifest.name,
        passages=passages,
        keys=record.keys,
        keys_without=record.keys_without,
        suggestions=len(sights),
        shown_per_100_keys=rounded(100 * len(sights) / max(1, record.keys)),
        right_rate=rounded(right / max(1, len(sights))),
        right_ci95=wilson(right, len(sights)),
        right_characters=rounded(sum(sight.agreeing for sight in sights) / max(1, characters)),
        accepted=sum(sight.accepted for sight in sights),
        saved_share=rounded(saved / without),
        net_saved_share=rounded((saved - wrong_read) / without),
        latency=tuple(_latency(record, situation) for situation in Situation),
        cached_share_median=rounded(median(record.cached_shares)) if record.cached_shares else None,
        generated_tokens=record.generated_tokens,
        wasted_tokens=max(0, record.generated_tokens - useful),
        cpu_seconds_per_1000_keys=rounded(1e3 * cpu_s / max(1, record.keys)),
        peak_memory_mb=rounded(peak_mb),
    )


def _latency(record: Record, situation: Situation) -> Latency:
    times = [answer.ms for answer in record.answers if answer.situation is situation]
    if not times:
        return Latency(situation=situation.value, n=0, p50=None, p90=None, p99=None)
    cuts = quantiles(times, n=_PERCENTILES, method="inclusive") if len(times) > 1 else times * 99
    return Latency(
        situation=situation.value,
        n=len(times),
        p50=rounded(cuts[49]),
        p90=rounded(cuts[89]),
        p99=rounded(cuts[98]),
    )


def _cpu_seconds(pid: int) -> float:
    """Return the processor time of a process so far; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mb(pid: int) -> float:
    """Return the largest resident memory of a process so far; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / _MEGABYTE_KB
    return 0.0


def plot(report: KeystrokesReport) -> str:
    """Return an SVG: percentiles of the time from a key to its suggestion, by situation."""
    lines = [
        Line(name=row.situation.replace("_", " "), x=[50, 90, 99], y=[row.p50, row.p90, row.p99])
        for row in report.latency
        if row.p50 is not None and row.p90 is not None and row.p99 is not None
    ]
    title = f"{report.model}, {report.keys} keys on {report.machine.processor}"
    return line_plot(title, "percentile of answered keys", "ms to ghost text", lines)


def table(report: KeystrokesReport) -> str:
    """Return the report as Markdown."""
    low, high = report.right_ci95
    cached = "-" if report.cached_share_median is None else f"{report.cached_share_median:.1%}"
    head = f"""\
{report.model}, {report.passages} passages, {report.keys} keys
{report.machine.processor}, {report.machine.cores} cores, load {report.machine.load_1min}

| figure | value |
|---|---|
| suggestions per 100 keys | {report.shown_per_100_keys:.1f} (n = {report.suggestions}) |
| exactly right | {report.right_rate:.1%} ({low:.1%} to {high:.1%}) |
| right characters, up to the first wrong one | {report.right_characters:.1%} |
| accepted | {report.accepted} |
| keys saved | {report.saved_share:.1%} |
| keys saved, less one for each wrong suggestion read | {report.net_saved_share:.1%} |
| prompt taken from the cache, median key | {cached} |
| tokens generated, and not accepted | {report.generated_tokens}, {report.wasted_tokens} |
| CPU seconds per 1,000 keys | {report.cpu_seconds_per_1000_keys:.1f} |
| peak memory of the server | {report.peak_memory_mb:.0f} MB |

| from key to ghost text | n | p50 ms | p90 ms | p99 ms |
|---|---|---|---|---|
"""
    return head + "\n".join(
        f"| {row.situation.replace('_', ' ')} | {row.n} "
        + " ".join(
            "| -" if value is None else f"| {value:.1f}" for value in (row.p50, row.p90, row.p99)
        )
        + " |"
        for row in report.latency
    )
