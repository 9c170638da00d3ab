"""What was noted while typing, as figures: JSON, a table and a plot."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final

from evaluation.intervals import Interval, rounded, wilson
from evaluation.keystrokes.passages import Size
from evaluation.keystrokes.record import Record, Situation
from evaluation.machine import Machine
from evaluation.plot import Line, line_plot

_PERCENTILES: Final = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds from a key to its suggestion; None where there was none."""

    situation: str
    n: int
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeReport:
    """What depends on the size of the file."""

    size: str
    passages: int
    keys: int
    cached_share_median: float | None  # of the prompt, per key that ran the model
    latency: tuple[Latency, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SideReport:
    """One assistant; shares and counts are those of ordinary files."""

    name: str
    keys: int  # pressed
    keys_without: int  # that the same text takes without suggestions
    suggestions: int
    shown_per_100_keys: float
    right_rate: float  # suggestions that are exactly the file's text
    right_ci95: Interval
    right_characters: (
        float  # share of the shown characters that agree up to the first that does not
    )
    read: int  # suggestions that stood long enough
    read_wrong: int  # of these, not exactly right
    accepted: int  # whole
    saved_share: float  # keys saved / keys_without
    saved_share_in_part: float  # of these, by accepting the first lines and words of one
    net_saved_share: float  # one key taken off for each suggestion that was read and wrong
    net_saved_share_of_shown: float  # one key taken off for each that was shown and wrong
    generated_tokens: int
    wasted_tokens: int  # generated and not in accepted text
    cpu_seconds_per_1000_keys: float
    idle_cpu_share: float  # of one core, nobody typing
    peak_memory_mb: float
    sizes: tuple[SizeReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeystrokesReport:
    """All sides of one run, and what they were measured on."""

    machine: Machine
    passages: int
    seed: int
    skipped_idle_s: float | None  # None: in real time
    sides: tuple[SideReport, ...]  # ours first


def side_report(
    name: str,
    records: Mapping[Size, Record],
    *,
    count_tokens: Callable[[str], int],
    idle_cpu_share: float,
    peak_memory_mb: float,
) -> SideReport:
    """Return the figures of one assistant."""
    record = records[Size.ORDINARY]
    sights = record.sights
    right = sum(sight.right for sight in sights)
    characters = sum(sight.characters for sight in sights)
    in_part = sum(sight.keys_saved_in_part for sight in sights)
    saved = sum(sight.keys_saved for sight in sights) + in_part
    read_wrong = sum(sight.read and not sight.accepted and not sight.right for sight in sights)
    without = max(1, record.keys_without)
    useful = sum(map(count_tokens, record.accepted_text))
    return SideReport(
        name=name,
        keys=record.keys,
        keys_without=record.keys_without,
        suggestions=len(sights),
        shown_per_100_keys=rounded(100 * len(sights) / max(1, record.keys)),
        right_rate=rounded(right / max(1, len(sights))),
        right_ci95=wilson(right, len(sights)),
        right_characters=rounded(sum(sight.agreeing for sight in sights) / max(1, characters)),
        read=sum(sight.read for sight in sights),
        read_wrong=read_wrong,
        accepted=sum(sight.accepted for sight in sights),
        saved_share=rounded(saved / without),
        saved_share_in_part=rounded(in_part / without),
        net_saved_share=rounded((saved - read_wrong) / without),
        net_saved_share_of_shown=rounded((saved - (len(sights) - right)) / without),
        generated_tokens=record.generated_tokens,
        wasted_tokens=max(0, record.generated_tokens - useful),
        cpu_seconds_per_1000_keys=rounded(1e3 * record.cpu_s / max(1, record.keys)),
        idle_cpu_share=idle_cpu_share,
        peak_memory_mb=rounded(peak_memory_mb),
        sizes=tuple(_size_report(size, noted) for size, noted in records.items()),
    )


def _size_report(size: Size, record: Record) -> SizeReport:
    return SizeReport(
        size=size.value,
        passages=record.passages,
        keys=record.keys,
        cached_share_median=rounded(median(record.cached_shares)) if record.cached_shares else None,
        latency=tuple(_latency(record, situation) for situation in Situation),
    )


def _latency(record: Record, situation: Situation) -> Latency:
    times = [answer.ms for answer in record.answers if answer.situation is situation]
    cuts: Sequence[float | None] = [None] * 99
    if times:
        cuts = quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
    p50, p90, p95, p99 = (
        None if value is None else rounded(value) for value in (cuts[at - 1] for at in _PERCENTILES)
    )
    return Latency(situation=situation.value, n=len(times), p50=p50, p90=p90, p95=p95, p99=p99)


def plot(report: KeystrokesReport) -> str:
    """Return an SVG: percentiles of the time from a key to its suggestion, in ordinary files."""
    lines = [
        Line(
            name=f"{side.name}, {row.situation.replace('_', ' ')}",
            x=_PERCENTILES,
            y=[row.p50, row.p90, row.p95, row.p99],
        )
        for side in report.sides
        for row in side.sizes[0].latency
        if row.p50 is not None
        and row.p90 is not None
        and row.p95 is not None
        and row.p99 is not None
    ]
    title = f"{report.passages} passages on {report.machine.processor}"
    return line_plot(title, "percentile of answered keys", "ms to ghost text", lines)


def table(report: KeystrokesReport) -> str:
    """Return the report as Markdown."""
    pace = "in real time"
    if report.skipped_idle_s is not None:
        pace = f"{report.skipped_idle_s:.0f} s of idle pauses left out"
    machine = report.machine
    names = " | ".join(side.name for side in report.sides)
    rows = [_side_rows(side) for side in report.sides]
    figures = "\n".join(
        f"| {label} | {' | '.join(row[number][1] for row in rows)} |"
        for number, (label, _) in enumerate(rows[0])
    )
    latencies = "\n".join(
        _latency_row(side.name, size, row)
        for side in report.sides
        for size in side.sizes
        for row in size.latency
    )
    cached = "\n".join(
        f"| {side.name} | {size.size} | {size.passages} | {_share(size.cached_share_median)} |"
        for side in report.sides
        for size in side.sizes
    )
    return f"""\
{report.passages} passages, seed {report.seed}, {pace}
{machine.processor}, {machine.cores} cores, load {machine.load_1min}

| figure | {names} |
|---|{"---|" * len(report.sides)}
{figures}

| assistant | from key to ghost text | in | n | p50 ms | p90 ms | p95 ms | p99 ms |
|---|---|---|---|---|---|---|---|
{latencies}

| assistant | in | passages | prompt taken from the cache, median key |
|---|---|---|---|
{cached}
"""


def _side_rows(side: SideReport) -> list[tuple[str, str]]:
    low, high = side.right_ci95
    return [
        ("keys, and without suggestions", f"{side.keys}, {side.keys_without}"),
        ("suggestions per 100 keys", f"{side.shown_per_100_keys:.1f} (n = {side.suggestions})"),
        ("exactly right", f"{side.right_rate:.1%} ({low:.1%} to {high:.1%})"),
        ("right characters, up to the first wrong one", f"{side.right_characters:.1%}"),
        ("read, of these wrong", f"{side.read}, {side.read_wrong}"),
        ("accepted whole", str(side.accepted)),
        ("keys saved", f"{side.saved_share:.1%}"),
        ("of these by accepting first lines and words", f"{side.saved_share_in_part:.1%}"),
        ("keys saved, less one for each wrong one read", f"{side.net_saved_share:.1%}"),
        ("less one for each wrong one shown", f"{side.net_saved_share_of_shown:.1%}"),
        ("tokens generated, and wasted", f"{side.generated_tokens}, {side.wasted_tokens}"),
        ("CPU seconds per 1,000 keys", f"{side.cpu_seconds_per_1000_keys:.1f}"),
        ("CPU while nobody types", f"{side.idle_cpu_share:.2%} of a core"),
        ("peak memory", f"{side.peak_memory_mb:.0f} MB"),
    ]


def _latency_row(name: str, size: SizeReport, row: Latency) -> str:
    times = " | ".join(
        "-" if value is None else f"{value:.1f}" for value in (row.p50, row.p90, row.p95, row.p99)
    )
    return f"| {name} | {row.situation.replace('_', ' ')} | {size.size} | {row.n} | {times} |"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
