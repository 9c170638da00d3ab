"""`mixline eval humaneval`: whole functions from signature and docstring, greedy, tested.

Plain left-to-right generation at the end of the document; the text is cut before its first further
line that is not indented, where the function has ended.
"""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from evaluation.infilling import problem_key, spread
from evaluation.intervals import Interval, rounded, span, wilson
from evaluation.options import Options
from evaluation.problems import Problem, read_problems
from evaluation.progress import Progress
from evaluation.resume import ResultCache, cache_file, measure_all
from evaluation.sandbox import Limits, Sandbox, Verdict
from evaluation.subject import Subject, complete, describe_subject, headline
from inference import CompletionRequest, Engine

SAMPLE: Final = Path(__file__).parent / "samples" / "humaneval.jsonl"
_MAX_TOKENS: Final = 512
_OUTSIDE: Final = re.compile(r"\n(?=[^\s)\]}])")  # a closing bracket may stand at the left


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of one problem."""

    text: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanEvalReport:
    """All figures of one run; the pass rate is pass@1."""

    n: int
    pass_rate: float
    pass_ci95: Interval
    timeouts: int
    workspace_expert: bool
    sandbox: str  # how the tests were isolated
    subject: Subject


def evaluate(options: Options) -> HumanEvalReport:
    """Write every function and test it; errors as `infilling.evaluate`."""
    problems = spread(read_problems(options.data or SAMPLE, with_suffix=False), options.limit)
    limits = Limits()
    sandbox = Sandbox(limits)
    parameters = {"workspace_expert": options.workspace_expert, **asdict(limits)}
    with Engine.open(options.model, options.config) as engine:
        subject = describe_subject(options.model, options.data)

        def measure(problem: Problem) -> Written:
            text = write_function(engine, problem, workspace_expert=options.workspace_expert)
            return Written(text=text, verdict=sandbox.run(problem.program(text)).value)

        with (
            ResultCache(
                cache_file("humaneval", options.model, parameters), Written, fresh=options.fresh
            ) as cache,
            Progress("humaneval", len(problems)) as progress,
        ):
            written = measure_all(
                problems, key=problem_key, measure=measure, cache=cache, progress=progress
            )
    n = len(written)
    passed = sum(one.verdict == Verdict.PASSED for one in written)
    return HumanEvalReport(
        n=n,
        pass_rate=rounded(passed / n),
        pass_ci95=wilson(passed, n),
        timeouts=sum(one.verdict == Verdict.TIMEOUT for one in written),
        workspace_expert=options.workspace_expert,
        sandbox=sandbox.isolation,
        subject=subject,
    )


def write_function(engine: Engine, problem: Problem, *, workspace_expert: bool) -> str:
    """Return the function's body.

    Raises:
        MixlineError: the model failed.
    """
    text = complete(
        engine,
        CompletionRequest(
            document=problem_key(problem),
            path="solution.py",
            prefix=problem.prompt,
            suffix="",
            max_tokens=_MAX_TOKENS,
            multi_line=True,
            require_text=True,
            workspace_expert=workspace_expert,
        ),
    )
    return _OUTSIDE.split(text, maxsplit=1)[0]


def table(report: HumanEvalReport) -> str:
    """Return the report for people."""
    expert = "with" if report.workspace_expert else "without"
    return f"""\
{headline(report.subject)}; {expert} the workspace expert; sandbox: {report.sandbox}

| humaneval | n | rate | 95 % interval |
|---|---|---|---|
| pass@1, greedy | {report.n} | {report.pass_rate:.1%} | {span(report.pass_ci95)} |

{report.timeouts} ran out of time"""
