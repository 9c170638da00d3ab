"""`mixline eval infilling`: lines cut out of HumanEval's solutions, filled in, and tested.

The model sees what an editor's document would hold: the text before the hole, and behind the hole
the line end that closes it, then the text behind. It is asked as an explicit request is: greedy,
the workspace expert over this one document, the same stop rules and the same fitting to the text
behind the cursor. `SingleLineInfilling` problems stop at the line's end, all others where the
text leaves the cursor's scope.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from evaluation.intervals import Interval, rounded, span, wilson
from evaluation.options import Options
from evaluation.problems import Problem, read_problems
from evaluation.progress import Progress
from evaluation.resume import ResultCache, cache_file, digest, measure_all
from evaluation.sandbox import Limits, Sandbox, Verdict
from evaluation.subject import Subject, complete, describe_subject, headline
from inference import CompletionRequest, Engine
from lsp_server.postprocess.judge import judge
from lsp_server.postprocess.overlap import Insertion

SAMPLE: Final = Path(__file__).parent / "samples" / "infilling.jsonl"
_SINGLE_LINE: Final = "SingleLineInfilling/"
_MAX_TOKENS: Final = {False: 256, True: 64}  # by whether it is a single line


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What became of one problem."""

    text: str
    verdict: str
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InfillingReport:
    """All figures of one run."""

    n: int
    pass_rate: float
    pass_ci95: Interval
    exact_rate: float
    exact_ci95: Interval
    timeouts: int
    workspace_expert: bool
    sandbox: str  # how the tests were isolated
    subject: Subject


def evaluate(options: Options) -> InfillingReport:
    """Fill in every problem, at most `limit` of them evenly spread over the data, and test it.

    Raises:
        DataError: no problems there.
        MixlineError: the model cannot be opened or run.
    """
    problems = spread(read_problems(options.data or SAMPLE, with_suffix=True), options.limit)
    limits = Limits()
    sandbox = Sandbox(limits)
    parameters = {"workspace_expert": options.workspace_expert, **asdict(limits)}
    with Engine.open(options.model, options.config) as engine:
        subject = describe_subject(options.model, options.data)

        def measure(problem: Problem) -> Filled:
            text = fill_in(engine, problem, workspace_expert=options.workspace_expert)
            verdict = sandbox.run(problem.program(text + line_end(problem)))
            exact = text.rstrip() == problem.canonical_solution.rstrip()
            return Filled(text=text, verdict=verdict.value, exact=exact)

        with (
            ResultCache(
                cache_file("infilling", options.model, parameters), Filled, fresh=options.fresh
            ) as cache,
            Progress("infilling", len(problems)) as progress,
        ):
            filled = measure_all(
                problems, key=problem_key, measure=measure, cache=cache, progress=progress
            )
    passed = sum(one.verdict == Verdict.PASSED for one in filled)
    exact = sum(one.exact for one in filled)
    n = len(filled)
    return InfillingReport(
        n=n,
        pass_rate=rounded(passed / n),
        pass_ci95=wilson(passed, n),
        exact_rate=rounded(exact / n),
        exact_ci95=wilson(exact, n),
        timeouts=sum(one.verdict == Verdict.TIMEOUT for one in filled),
        workspace_expert=options.workspace_expert,
        sandbox=sandbox.isolation,
        subject=subject,
    )


def spread(problems: list[Problem], limit: int | None) -> list[Problem]:
    """Return at most `limit` problems at even distances: neighbours stem from one function."""
    if limit is None or limit >= len(problems):
        return problems
    return [problems[index * len(problems) // limit] for index in range(limit)]


def problem_key(problem: Problem) -> str:
    """Return the digest of everything in a problem."""
    return digest(*asdict(problem).values())


def line_end(problem: Problem) -> str:
    """Return the line end that stands behind the hole, where the hole is whole lines."""
    return "\n" if problem.canonical_solution.endswith("\n") else ""


def fill_in(engine: Engine, problem: Problem, *, workspace_expert: bool) -> str:
    """Return what an explicit request would insert into the hole, "" for nothing.

    Raises:
        MixlineError: the model failed.
    """
    single_line = problem.task_id.startswith(_SINGLE_LINE)
    suffix = line_end(problem) + problem.suffix
    text = complete(
        engine,
        CompletionRequest(
            document=problem_key(problem),
            path="solution.py",
            prefix=problem.prompt,
            suffix=suffix,
            max_tokens=_MAX_TOKENS[single_line],
            multi_line=not single_line,
            require_text=True,
            workspace_expert=workspace_expert,
        ),
    )
    fitted = judge(text, problem.prompt, suffix, single_line=single_line)
    return fitted.text if isinstance(fitted, Insertion) else ""


def table(report: InfillingReport) -> str:
    """Return the report for people."""
    expert = "with" if report.workspace_expert else "without"
    return f"""\
{headline(report.subject)}; {expert} the workspace expert; sandbox: {report.sandbox}

| infilling | n | rate | 95 % interval |
|---|---|---|---|
| tests pass | {report.n} | {report.pass_rate:.1%} | {span(report.pass_ci95)} |
| exact | {report.n} | {report.exact_rate:.1%} | {span(report.exact_ci95)} |

{report.timeouts} ran out of time"""
