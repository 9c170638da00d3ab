"""Whole functions: where they end, and that their tests decide."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.humaneval import SAMPLE, evaluate, table, write_function
from evaluation.options import Options
from evaluation.problems import read_problems
from evaluation.sandbox import Sandbox, Verdict
from inference import Engine


def test_every_sample_solution_passes_its_tests() -> None:
    """And a body that does nothing passes none of them."""
    sandbox = Sandbox()
    for problem in read_problems(SAMPLE, with_suffix=False):
        assert sandbox.run(problem.program(problem.canonical_solution)) is Verdict.PASSED
        assert sandbox.run(problem.program("    pass\n")) is Verdict.FAILED


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("    return 1\n\n\ndef other():\n    pass", "    return 1\n\n"),
        ("    return (\n        1\n    )\nprint(2)", "    return (\n        1\n    )"),
        ("    return (\n1\n)", "    return ("),
        ("    x = [\n]\n    return x", "    x = [\n]\n    return x"),
        ("    return 1", "    return 1"),
    ],
)
def test_a_function_ends_at_the_first_line_outside(
    text: str, body: str, scripted_engine: Callable[..., Any]
) -> None:
    """A bracket at the left margin may still belong to it."""
    (problem, *_) = read_problems(SAMPLE, with_suffix=False)
    engine = scripted_engine(lambda _: text)

    assert write_function(engine, problem, workspace_expert=True) == body
    assert engine.asked[0].suffix == ""


def test_pass_rate_counts_passes(
    scripted_engine: Callable[..., Any], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the functions known, half of them passed."""
    problems = read_problems(SAMPLE, with_suffix=False)
    known = {one.prompt: one.canonical_solution for one in problems[::2]}
    engine = scripted_engine(lambda asked: known.get(asked.prefix, "    return None\n"))
    monkeypatch.setattr(Engine, "submit", lambda _, asked: engine.submit(asked))
    report = evaluate(Options(model=tiny_model))

    assert (report.n, report.pass_rate) == (4, 0.5)
    assert report.pass_ci95 == (0.15, 0.85)
    assert "| pass@1, greedy | 4 | 50.0% |" in table(report)
