"""`mixline eval gate`: how often what is shown while typing is right, and how much is shown.

Places as in `next-line`, drawn with another seed, all other files of the repository open. At each
the whole way to ghost text is gone: completion, overlap, syntax, confidence. Counted are
suggestions of five or more visible characters, right if they are exactly the rest of the line.

Where the language server would ask for several lines it is asked for those too. What is shown at
the default threshold, one line or several, is checked for what no suggestion may do to a file.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from evaluation import faults
from evaluation.faults import Safety
from evaluation.intervals import Interval, rounded, span, wilson
from evaluation.options import Options
from evaluation.plot import Line, line_plot
from evaluation.positions import Position, draw_positions
from evaluation.progress import Progress
from evaluation.repositories import read_repositories
from evaluation.resume import ResultCache, cache_file, digest, measure_all
from evaluation.shown import Shown, shown_at
from evaluation.subject import Subject, describe_subject, headline
from inference import Engine
from lsp_server.postprocess.confidence import CALIBRATION, doubted
from lsp_server.settings import Settings
from lsp_server.syntax.parsing import SyntaxTrees
from lsp_server.syntax.place import Kind

DEFAULT_POSITIONS: Final = 2000
SEED: Final = 77
LEAST_VISIBLE: Final = 5  # characters of a suggestion that counts
_THRESHOLDS: Final = tuple(step / 20 for step in range(20))
_BINS: Final = 10
_EXPONENTS: Final = tuple(0.5 + step / 20 for step in range(51))  # 0.5 to 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What a gate at one least confidence does."""

    minimum: float
    coverage: float  # share of all places that get a suggestion
    coverage_ci95: Interval
    precision: float  # share of these that is right
    precision_ci95: Interval
    shown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """What the default does at places of one kind."""

    kind: str
    places: int
    default: Threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Suggestions of about the same confidence."""

    confidence: float  # mean
    right: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """All figures of one run."""

    n: int
    seed: int
    default: Threshold  # of the settings
    without_doubt: Threshold  # as many suggestions, by the model's probabilities alone
    thresholds: tuple[Threshold, ...]
    calibration: tuple[Bin, ...]
    kinds: tuple[KindRow, ...]
    safety: dict[str, Safety]  # of one line, and of several
    fitted_exponent: float  # that the most likely confidence would have; the shipped one is used
    subject: Subject


def evaluate(options: Options) -> GateReport:
    """Complete `limit` places, 2,000 unless told otherwise.

    Raises:
        DataError: no repositories there.
        MixlineError: the model cannot be opened or run.
    """
    repositories = read_repositories(options.data)
    positions = draw_positions(repositories, options.limit or DEFAULT_POSITIONS, SEED)
    trees = SyntaxTrees()
    with Engine.open(options.model, options.config) as engine:
        subject = describe_subject(options.model, options.data)
        markers = faults.markers(options.model)
        with (
            ResultCache(cache_file("gate", options.model, {}), Shown, fresh=options.fresh) as cache,
            Progress("gate", len(positions)) as progress,
        ):
            outcomes = measure_all(
                positions,
                key=_key,
                measure=lambda position: shown_at(engine, position, trees, markers),
                cache=cache,
                progress=progress,
            )
    counted = [shown for shown in outcomes if shown.visible >= LEAST_VISIBLE]
    least = Settings().minimum_confidence
    default = _threshold(counted, len(positions), least)
    return GateReport(
        n=len(positions),
        seed=SEED,
        default=default,
        without_doubt=_without_doubt(counted, len(positions), default.shown),
        thresholds=tuple(_threshold(counted, len(positions), step) for step in _THRESHOLDS),
        calibration=_bins(counted),
        kinds=tuple(_kind_row(kind.value, outcomes, least) for kind in Kind),
        safety={
            "one line": faults.count(
                [(1, shown.faults) for shown in counted if shown.confidence >= least]
            ),
            "several lines": faults.count(
                [
                    (shown.several_lines, shown.several_faults)
                    for shown in outcomes
                    if shown.several_lines
                ]
            ),
        },
        fitted_exponent=_fit(counted),
        subject=subject,
    )


def _key(position: Position) -> str:
    files = position.others()
    return digest(
        *(position.repository.name, position.file.digest),
        *(str(position.line), str(position.column)),
        *(file.digest for file in files),
    )


def _threshold(counted: Sequence[Shown], n: int, minimum: float) -> Threshold:
    passed = [shown for shown in counted if shown.confidence >= minimum]
    right = sum(shown.right for shown in passed)
    return Threshold(
        minimum=minimum,
        coverage=rounded(len(passed) / max(1, n)),
        coverage_ci95=wilson(len(passed), n),
        precision=rounded(right / max(1, len(passed))),
        precision_ci95=wilson(right, len(passed)),
        shown=len(passed),
    )


def _without_doubt(counted: Sequence[Shown], n: int, shown: int) -> Threshold:
    plain = [replace(row, confidence=doubted(row.confidence, -row.doubt)) for row in counted]
    sorted_ = sorted((row.confidence for row in plain), reverse=True)
    return _threshold(plain, n, sorted_[shown - 1] if shown else 1.0)


def _kind_row(kind: str, outcomes: Sequence[Shown], least: float) -> KindRow:
    there = [shown for shown in outcomes if shown.kind == kind]
    counted = [shown for shown in there if shown.visible >= LEAST_VISIBLE]
    return KindRow(kind=kind, places=len(there), default=_threshold(counted, len(there), least))


def _bins(counted: Sequence[Shown]) -> tuple[Bin, ...]:
    """Return tenths of confidence that something fell into."""
    bins = []
    for step in range(_BINS):
        inside = [
            shown for shown in counted if min(_BINS - 1, int(shown.confidence * _BINS)) == step
        ]
        if inside:
            bins.append(
                Bin(
                    confidence=rounded(sum(shown.confidence for shown in inside) / len(inside)),
                    right=rounded(sum(shown.right for shown in inside) / len(inside)),
                    n=len(inside),
                )
            )
    return tuple(bins)


def _fit(counted: Sequence[Shown]) -> float:
    """Return the exponent of the model's probability under which the outcomes are most likely."""
    least = 1e-12
    rows = [
        (math.log(max(doubted(row.confidence, -row.doubt), least)) / CALIBRATION, row)
        for row in counted
    ]

    def loss(exponent: float) -> float:
        total = 0.0
        for logprob, row in rows:
            chance = doubted(min(math.exp(exponent * logprob), 1 - 1e-6), row.doubt)
            total -= math.log(max(chance if row.right else 1 - chance, least))
        return total

    return min(_EXPONENTS, key=loss)


def plot(report: GateReport) -> str:
    """Return an SVG: precision over coverage, from the strictest gate to none."""
    rows = [row for row in reversed(report.thresholds) if row.shown]
    return line_plot(
        f"{report.subject.model}: suggestions that pass the gate, {report.n} places",
        "places that get a suggestion, %",
        "right, %",
        [
            Line(
                name="by least confidence",
                x=[100 * row.coverage for row in rows],
                y=[100 * row.precision for row in rows],
            )
        ],
    )


def table(report: GateReport) -> str:
    """Return the report for people."""
    head = f"""\
{headline(report.subject)}
{report.n} places, seed {report.seed}; suggestions of {LEAST_VISIBLE} and more visible characters

| least confidence | shown | places with a suggestion | 95 % interval | right | 95 % interval |
|---|---|---|---|---|---|
"""
    rows = [
        f"| {row.minimum:.2f}{name} | {row.shown} | {row.coverage:.1%} | {span(row.coverage_ci95)}"
        f" | {row.precision:.1%} | {span(row.precision_ci95)} |"
        for name, row in [
            (" (default)", report.default),
            (" (as many, without doubts)", report.without_doubt),
            *(("", row) for row in report.thresholds),
        ]
    ]
    bins = [f"| {row.confidence:.2f} | {row.right:.2f} | {row.n} |" for row in report.calibration]
    kinds = [
        f"| {row.kind} | {row.places} | {row.default.shown} | {row.default.precision:.1%}"
        f" | {span(row.default.precision_ci95)} |"
        for row in report.kinds
    ]
    return head + "\n".join(
        [
            *rows,
            *("", "| at the default in | places | shown | right | 95 % interval |"),
            *("|---|---|---|---|---|", *kinds),
            *("", faults.table(report.safety)),
            *("", "| confidence | right | n |", "|---|---|---|", *bins),
            *("", _exponent(report)),
        ]
    )


def _exponent(report: GateReport) -> str:
    return f"fitted exponent {report.fitted_exponent:.2f}, shipped {CALIBRATION:.2f}"
