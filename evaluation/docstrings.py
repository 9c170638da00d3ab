"""`mixline eval docstrings`: docstrings of held-out functions, written again without their own.

Functions and methods with a docstring whose first line is a sentence of at least three words, in
repositories that the model never saw; overloads, accessors and stubs are left out. The docstring is
taken away, a new one is written in the file's style, and compared with what its author had written:
the summary line by chrF and BLEU-4, beside the plain phrase that the code alone gives. The rest is
checked, not compared: the file parses, the code is the same, everything is described once, the
linters' rules.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

import lsp_server.docstrings
from evaluation.errors import DataError
from evaluation.intervals import Interval, rounded, span, wilson
from evaluation.options import Options
from evaluation.progress import Progress
from evaluation.repositories import Repository, read_repositories
from evaluation.resume import ResultCache, cache_file, digest, measure_all, sources_digest
from evaluation.subject import Subject, describe_subject, headline
from evaluation.text_scores import bleu, chrf, chrf_counts, chrf_of
from inference import Engine
from lsp_server.docstrings.drafting import DocstringError, draft
from lsp_server.docstrings.facts import FunctionFacts
from lsp_server.docstrings.filling import Model
from lsp_server.docstrings.habits import ProjectHabits, text_between
from lsp_server.docstrings.linters import Linters
from lsp_server.docstrings.proposal import propose
from lsp_server.docstrings.wording import says_something
from lsp_server.document import Document, Point
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.syntax.python_facts import read_facts

DEFAULT_FUNCTIONS: Final = 500
SEED: Final = 8
_FEWEST_WORDS: Final = 3
_RESAMPLES: Final = 1000
_PER_FILE: Final = 2


@dataclass(frozen=True, kw_only=True)
class Function:
    """A held-out function whose docstring was taken away."""

    repository: str
    path: str
    text: str  # of the file, without the docstring
    index: int  # of the definition
    name: str
    summary: str  # its author's


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of one function."""

    summary: str  # "" where nothing was proposed
    plain: str  # the phrase that the code alone gives
    sound: bool  # parses, same code, all described once
    clean: bool  # no finding of a linter
    says_something: bool  # the summary has a word besides those of its function
    ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DocstringReport:
    """All figures of one run."""

    n: int
    repositories: tuple[str, ...]
    seed: int
    sound_rate: float
    sound_ci95: Interval
    clean_rate: float
    clean_ci95: Interval
    says_something_rate: float
    by_model_rate: float  # summaries that are not the plain phrase
    chrf: float
    chrf_plain: float
    chrf_difference: float
    chrf_difference_ci95: Interval
    bleu: float
    bleu_plain: float
    ms_p50: float
    ms_p95: float
    subject: Subject


def evaluate(options: Options) -> DocstringReport:
    """Write the docstrings of `limit` functions, 500 unless told otherwise.

    Raises:
        DataError: no repositories there, or none with such functions.
        MixlineError: the model cannot be opened or run.
    """
    repositories = read_repositories(options.data)
    functions = draw_functions(repositories, options.limit or DEFAULT_FUNCTIONS, SEED)
    if not functions:
        raise DataError(
            "expected repositories with documented Python functions, found none; give others with"
            " --data"
        )
    linters = Linters.find(Surroundings(folder=None, workspace=(Path.cwd(),), trusted=False))
    with Engine.open(options.model, options.config) as engine:
        subject = describe_subject(options.model, options.data)
        parameters = {
            "code": sources_digest(lsp_server.docstrings),
            "ruff": linters.ruff is not None,
            "pydoclint": linters.has_pydoclint,
        }
        with (
            ResultCache(
                cache_file("docstrings", options.model, parameters), Written, fresh=options.fresh
            ) as cache,
            Progress("docstrings", len(functions)) as progress,
        ):
            written = measure_all(
                functions,
                key=lambda one: digest(one.repository, one.path, one.text, str(one.index)),
                measure=lambda one: write_again(engine, linters, one),
                cache=cache,
                progress=progress,
            )
    return _report(functions, written, repositories, subject)


def draw_functions(repositories: list[Repository], limit: int, seed: int) -> list[Function]:
    """Return functions from all repositories alike, at most two of a file, in a fixed order."""
    rng = Random(seed)  # noqa: S311 - a sample, no secret
    of_each = []
    for repository in repositories:
        files = list(repository.files)
        rng.shuffle(files)
        found = [one for file in files for one in _functions(repository, file.path, file.text, rng)]
        of_each.append(found)
    drawn: list[Function] = []
    while len(drawn) < limit and any(of_each):
        for found in of_each:
            if found and len(drawn) < limit:
                drawn.append(found.pop())
    return drawn


def _functions(repository: Repository, path: str, text: str, rng: Random) -> list[Function]:
    document = Document.of_text(uri=f"file:///{path}", version=0, language="python", text=text)
    module = read_facts(document.text())
    if module is None:
        return []
    found = []
    for index, facts in enumerate(module.definitions):
        place = facts.span.docstring
        if not isinstance(facts, FunctionFacts) or place is None or facts.is_stub:
            continue
        if facts.is_overload or facts.is_accessor or not facts.num_statements:
            continue
        summary = first_line(text_between(document, *place))
        rest = document.line(place[1].line)[place[1].column :].strip()
        if rest or facts.span.body_is_inline or len(summary.split()) < _FEWEST_WORDS:
            continue
        without, _ = document.replace(
            Point(place[0].line, 0), Point(place[1].line + 1, 0), "", document.version
        )
        found.append(
            Function(
                repository=repository.name,
                path=path,
                text=without.text(),
                index=index,
                name=facts.name,
                summary=summary,
            )
        )
    return rng.sample(found, min(_PER_FILE, len(found)))


def first_line(literal: str) -> str:
    """Return the first line of text in a docstring's source."""
    body = literal.lstrip("rRuUbB").strip("\"'").strip()
    return body.split("\n")[0].strip()


def write_again(engine: Engine, linters: Linters, function: Function) -> Written:
    """Write a function's docstring.

    Raises:
        MixlineError: the model failed.
    """
    document = Document.of_text(
        uri=f"file:///{function.repository}/{function.path}",
        version=0,
        language="python",
        text=function.text,
    )
    module = read_facts(document.text())
    if module is None or function.index >= len(module.definitions):
        return _nothing("")
    facts = module.definitions[function.index]
    habits = ProjectHabits()
    plain = draft(document, module, facts, habits).content.summary
    started = time.perf_counter()
    model = Model(engine=engine, path=function.path)
    try:
        proposal = asyncio.run(propose(document, module, facts, habits, linters, model=model))
    except DocstringError:
        return _nothing(plain)
    ms = 1e3 * (time.perf_counter() - started)
    summary = first_line(proposal.change.text.strip())
    return Written(
        summary=summary,
        plain=plain,
        sound=proposal.checks.sound,
        clean=not proposal.checks.findings,
        says_something=says_something(summary, [function.name]),
        ms=ms,
    )


def _differ(written: Written) -> bool:
    """Tell whether the summary is other words than the plain phrase."""
    return written.summary.replace("``", "`") != written.plain


def _nothing(plain: str) -> Written:
    return Written(summary="", plain=plain, sound=False, clean=False, says_something=False, ms=0.0)


def _report(
    functions: list[Function],
    written: list[Written],
    repositories: list[Repository],
    subject: Subject,
) -> DocstringReport:
    n = len(written)
    theirs = [one.summary for one in functions]
    ours, plain = [one.summary for one in written], [one.plain for one in written]
    sound, clean = sum(one.sound for one in written), sum(one.clean for one in written)
    times = np.asarray([one.ms for one in written])
    score, plain_score = chrf(ours, theirs), chrf(plain, theirs)
    return DocstringReport(
        n=n,
        repositories=tuple(repository.name for repository in repositories),
        seed=SEED,
        sound_rate=rounded(sound / n),
        sound_ci95=wilson(sound, n),
        clean_rate=rounded(clean / n),
        clean_ci95=wilson(clean, n),
        says_something_rate=rounded(sum(one.says_something for one in written) / n),
        by_model_rate=rounded(sum(_differ(one) for one in written) / n),
        chrf=rounded(score),
        chrf_plain=rounded(plain_score),
        chrf_difference=rounded(score - plain_score),
        chrf_difference_ci95=_difference_interval(ours, plain, theirs),
        bleu=rounded(bleu(ours, theirs)),
        bleu_plain=rounded(bleu(plain, theirs)),
        ms_p50=rounded(float(np.percentile(times, 50))),
        ms_p95=rounded(float(np.percentile(times, 95))),
        subject=subject,
    )


def _difference_interval(ours: list[str], plain: list[str], theirs: list[str]) -> Interval:
    """Return the 95 % interval of the difference, functions drawn anew (seed 0)."""
    rng = np.random.default_rng(0)
    one = np.stack(
        [chrf_counts(text, reference) for text, reference in zip(ours, theirs, strict=True)]
    )
    other = np.stack(
        [chrf_counts(text, reference) for text, reference in zip(plain, theirs, strict=True)]
    )
    differences = []
    for _ in range(_RESAMPLES):
        drawn = rng.integers(0, len(theirs), len(theirs))
        gained = chrf_of(one[drawn].sum(axis=0)) - chrf_of(other[drawn].sum(axis=0))
        differences.append(gained)
    low, high = np.percentile(differences, [2.5, 97.5])
    return rounded(float(low)), rounded(float(high))


def table(report: DocstringReport) -> str:
    """Return the report for people."""
    low, high = report.chrf_difference_ci95
    gain = f"difference {low:+.2f} to {high:+.2f}"
    return f"""\
{headline(report.subject)}
{report.n} functions of {len(report.repositories)} repositories \
({", ".join(report.repositories)}), seed {report.seed}

| what | | 95 % interval |
|---|---|---|
| parses, same code, all described once | {report.sound_rate:.1%} | {span(report.sound_ci95)} |
| no finding of a linter | {report.clean_rate:.1%} | {span(report.clean_ci95)} |
| summary says more than the name | {report.says_something_rate:.1%} | |
| summary by the model | {report.by_model_rate:.1%} | |
| summary, chrF | {report.chrf:.2f} | |
| plain phrase, chrF | {report.chrf_plain:.2f} | {gain} |
| summary, BLEU-4 | {report.bleu:.2f} | |
| plain phrase, BLEU-4 | {report.bleu_plain:.2f} | |
| one docstring, ms | p50 {report.ms_p50:.0f} | p95 {report.ms_p95:.0f} |"""
