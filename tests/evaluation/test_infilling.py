"""Filling holes and testing the result: what is asked, what counts, what is counted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.infilling import SAMPLE, evaluate, fill_in, spread, table
from evaluation.options import Options
from evaluation.problems import read_problems
from evaluation.sandbox import Sandbox, Verdict
from inference import Engine

ScriptedEngines = Callable[..., Any]


def test_every_sample_solution_passes_its_tests() -> None:
    """And none passes with its hole left empty: the tests see the hole."""
    sandbox = Sandbox()
    for problem in read_problems(SAMPLE, with_suffix=True):
        assert sandbox.run(problem.program(problem.canonical_solution)) is Verdict.PASSED
        assert sandbox.run(problem.program("")) is Verdict.FAILED


def test_the_request_is_that_of_an_editor(scripted_engine: ScriptedEngines) -> None:
    """The hole's line end stands behind the cursor; kinds differ in where generation stops."""
    engine = scripted_engine(lambda _: "    x = 1")
    problems = read_problems(SAMPLE, with_suffix=True)
    for problem in problems:
        fill_in(engine, problem, workspace_expert=False)

    for problem, asked in zip(problems, engine.asked, strict=True):
        assert asked.prefix == problem.prompt
        assert asked.suffix == "\n" + problem.suffix
        assert asked.multi_line == problem.task_id.startswith("MultiLine")
        assert not asked.workspace_expert
    assert {asked.multi_line for asked in engine.asked} == {True, False}


def test_repeated_text_behind_the_hole_is_cut(scripted_engine: ScriptedEngines) -> None:
    """As an editor would: what already follows is not inserted twice; nothing is ""."""
    problem = next(
        one
        for one in read_problems(SAMPLE, with_suffix=True)
        if one.task_id.startswith("MultiLine")
    )
    wanted = problem.canonical_solution
    longer = scripted_engine(lambda _: wanted + problem.suffix)
    silent = scripted_engine(lambda _: " ")

    assert fill_in(longer, problem, workspace_expert=True) == wanted.rstrip()
    assert fill_in(silent, problem, workspace_expert=True) == ""


@pytest.mark.parametrize("right", [True, False])
def test_rates_count_passes_and_exact_texts(
    right: bool,
    scripted_engine: ScriptedEngines,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model that knows every line gets 100 %, one that writes nonsense 0 %."""
    known = {
        (problem.prompt, "\n" + problem.suffix): problem.canonical_solution.rstrip()
        for problem in read_problems(SAMPLE, with_suffix=True)
    }
    engine = scripted_engine(lambda asked: known[asked.prefix, asked.suffix] if right else "(")
    monkeypatch.setattr(Engine, "submit", lambda _, asked: engine.submit(asked))
    report = evaluate(Options(model=tiny_model))

    assert report.n == len(known) == 21
    assert (report.pass_rate, report.exact_rate) == ((1.0, 1.0) if right else (0.0, 0.0))
    assert report.pass_ci95 == ((0.8454, 1.0) if right else (0.0, 0.1546))
    assert f"| tests pass | 21 | {report.pass_rate:.1%} |" in table(report)


def test_a_part_is_spread_over_all_problems() -> None:
    """Neighbours stem from one function, so a part takes every so many-th."""
    problems = read_problems(SAMPLE, with_suffix=True)

    assert spread(problems, None) == spread(problems, 100) == problems
    assert spread(problems, 3) == [problems[0], problems[7], problems[14]]
