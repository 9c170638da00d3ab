"""`mixline eval fixes`: how many injected bugs are met with a verified fix, and with the right one.

Bugs of fourteen kinds, evenly, each one reported by ruff or basedpyright; the original is the
truth. Each is searched as the language server searches, with all other files of its repository
there. Counted is the first fix that is offered. What was called verified is checked again by the
checkers' own command lines, on files that the language server never saw.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import lsp_server.fixes
from evaluation.fixes import quixbugs_bench
from evaluation.fixes.bugs import Bug, make_bugs
from evaluation.fixes.copies import Copy
from evaluation.fixes.kinds import KINDS
from evaluation.fixes.outcome import Outcome
from evaluation.fixes.quixbugs import is_quixbugs
from evaluation.fixes.quixbugs_bench import ProgramsReport
from evaluation.fixes.searching import Searcher
from evaluation.fixes.second_look import hold
from evaluation.intervals import Interval, rounded, span, wilson
from evaluation.options import Options
from evaluation.progress import Progress
from evaluation.repositories import Repository, read_repositories
from evaluation.resume import ResultCache, cache_file, digest, sources_digest
from evaluation.subject import Subject, describe_subject, headline
from inference import Engine

DEFAULT_BUGS: Final = 336
SEED: Final = 7
_VERIFIED: Final = "verified"
_ALL: Final = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of `of`."""

    count: int
    of: int
    rate: float
    ci95: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """The bugs of one kind, or all."""

    kind: str
    n: int
    verified: Share  # of the bugs: a verified fix was offered
    holds: Share  # of the verified: removes the diagnostic and adds none, seen from outside
    exact: Share  # of the verified: the original, to the letter
    same_tree: Share  # of the verified: the original's syntax tree
    parsed: int  # bugs with a fix that only parses
    by_model: int  # of the verified, those that the model wrote
    seconds_p50: float
    seconds_p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FixesReport:
    """All figures of one run."""

    n: int
    seed: int
    total: KindRow
    kinds: tuple[KindRow, ...]
    suppressions: int
    deletions: int  # of statements, outside of unused variables and imports
    subject: Subject


def evaluate(options: Options) -> FixesReport | ProgramsReport:
    """Search for fixes of `limit` bugs, 336 unless told otherwise; of programs, if those are given.

    Raises:
        DataError: no repositories there, or a checker fails.
        MixlineError: the model cannot be opened or run.
    """
    if options.data is not None and is_quixbugs(options.data):
        return quixbugs_bench.evaluate(options, options.data)
    return _evaluate_bugs(options)


def _evaluate_bugs(options: Options) -> FixesReport:
    repositories = read_repositories(options.data)
    per_kind = max(1, math.ceil((options.limit or DEFAULT_BUGS) / len(KINDS)))
    bugs = make_bugs(repositories, per_kind, SEED)
    with (
        Engine.open(options.model, options.config) as engine,
        TemporaryDirectory(prefix="mixline-fixes-") as folder,
        ResultCache(
            cache_file("fixes", options.model, _parameters()), Outcome, fresh=options.fresh
        ) as cache,
    ):
        searching = _search(repositories, bugs, engine, Path(folder).resolve(), cache)
        outcomes = asyncio.run(searching)
    verified = {
        bug.key: one.text
        for bug, one in zip(bugs, outcomes, strict=True)
        if one.verdict == _VERIFIED
    }
    held = hold(repositories, bugs, verified)
    pairs = list(zip(bugs, outcomes, strict=True))
    return FixesReport(
        n=len(bugs),
        seed=SEED,
        total=_row(_ALL, pairs, held),
        kinds=tuple(
            _row(kind.name, [pair for pair in pairs if pair[0].kind == kind.name], held)
            for kind in KINDS
        ),
        suppressions=sum(one.suppresses for one in outcomes),
        deletions=sum(one.deletes for one in outcomes),
        subject=describe_subject(options.model, options.data),
    )


def table(report: FixesReport | ProgramsReport) -> str:
    """Return the report for people."""
    if isinstance(report, ProgramsReport):
        return quixbugs_bench.table(report)
    head = [
        f"{headline(report.subject)}; {report.n} bugs, seed {report.seed}",
        "",
        "| bug | n | verified | holds | the original | same tree | parsed | by model | p50 | p95 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    rows = [
        f"| {row.kind} | {row.n} | {row.verified.rate:.0%} | {row.holds.rate:.0%}"
        f" | {row.exact.rate:.0%} | {row.same_tree.rate:.0%} | {row.parsed} | {row.by_model}"
        f" | {row.seconds_p50:.2f} s | {row.seconds_p95:.2f} s |"
        for row in (*report.kinds, report.total)
    ]
    total = report.total
    spans = (
        f"95 %: verified {span(total.verified.ci95)}, holds {span(total.holds.ci95)}, the original"
        f" {span(total.exact.ci95)}; suppressions {report.suppressions}, deleted statements"
        f" {report.deletions}"
    )
    return "\n".join([*head, *rows, "", spans])


def _parameters() -> dict[str, str]:
    """Return what a search depends on besides model, bug and the code that every benchmark has."""
    versions = {name: _version(name) for name in ("ruff", "basedpyright")}
    return {"code": sources_digest(lsp_server.fixes), **versions}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


async def _search(
    repositories: Sequence[Repository],
    bugs: Sequence[Bug],
    engine: Engine,
    folder: Path,
    cache: ResultCache[Outcome],
) -> list[Outcome]:
    """Search for one bug after the other; the checkers of a repository stay warm."""
    found: dict[str, Outcome] = {}
    with Progress("fixes", max(1, len(bugs))) as progress:
        for repository in repositories:
            own = [bug for bug in bugs if bug.repository == repository.name]
            around = digest(*(file.digest for file in repository.files))
            keys = {bug.key: digest(bug.key, around) for bug in own}
            known = {one: cache.get(key) for one, key in keys.items()}
            found |= {one: outcome for one, outcome in known.items() if outcome is not None}
            progress.advance(sum(one in found for one in keys), measured=False)
            missing = [bug for bug in own if bug.key not in found]
            if not missing:
                continue
            searcher = Searcher(Copy(repository, folder), engine)
            for bug in missing:
                found[bug.key] = await searcher.outcome(bug)
                cache.put(keys[bug.key], found[bug.key])
                progress.advance()
            await searcher.close()
    return [found[bug.key] for bug in bugs]


def _row(kind: str, pairs: Sequence[tuple[Bug, Outcome]], held: set[str]) -> KindRow:
    verified = [(bug, one) for bug, one in pairs if one.verdict == _VERIFIED]
    seconds = sorted(one.seconds for _, one in pairs) or [0.0]
    return KindRow(
        kind=kind,
        n=len(pairs),
        verified=_share(len(verified), len(pairs)),
        holds=_share(sum(bug.key in held for bug, _ in verified), len(verified)),
        exact=_share(sum(one.exact for _, one in verified), len(verified)),
        same_tree=_share(sum(one.same_tree for _, one in verified), len(verified)),
        parsed=sum(one.verdict not in {"", _VERIFIED} for _, one in pairs),
        by_model=sum(one.origin == "model" for _, one in verified),
        seconds_p50=rounded(median(seconds)),
        seconds_p95=rounded(seconds[math.ceil(0.95 * len(seconds)) - 1]),
    )


def _share(count: int, of: int) -> Share:
    return Share(count=count, of=of, rate=rounded(count / max(1, of)), ci95=wilson(count, of))
