"""Held-out docstrings: which functions are drawn, what is taken away, what is counted."""

import ast
from collections.abc import Callable
from pathlib import Path

from evaluation.docstrings import draw_functions, evaluate, first_line, table
from evaluation.options import Options
from evaluation.repositories import read_repositories

DOCUMENTED = '''\
import os


@property
def first(self, path):
    """Return the first line of a file.

    Args:
        path: which file.
    """
    return os.fspath(path)


def second(count):
    """Count up from one to it."""
    total = count + 1
    return total
'''
LEFT_OUT = '''\
from typing import overload


@overload
def one(a: int) -> int:
    """Give a number back again."""


def two(a):
    """Too short."""
    return a


def three(a):
    """Nothing is done in here."""


def four(a): """On the line of the header."""; return a


def five(a):
    return a
'''


def test_only_documented_functions_with_a_body_are_drawn(
    make_repositories: Callable[[dict[str, str]], Path],
) -> None:
    """Their docstring is gone from the text, and nothing else is."""
    folder = make_repositories({"r/a.py": DOCUMENTED, "r/b.py": LEFT_OUT})
    drawn = draw_functions(read_repositories(folder), 10, 1)

    assert sorted(one.name for one in drawn) == ["first", "second"]
    for one in drawn:
        functions = [node for node in ast.parse(one.text).body if not isinstance(node, ast.Import)]
        shown = [ast.get_docstring(node) for node in functions if isinstance(node, ast.FunctionDef)]
        assert shown.count(None) == 1
        assert one.summary in ast.unparse(ast.parse(DOCUMENTED))
        assert len(one.text.splitlines()) < len(DOCUMENTED.splitlines())


def test_repositories_take_turns_and_a_file_gives_two_at_most(
    make_repositories: Callable[[dict[str, str]], Path],
) -> None:
    """The same seed draws the same, and the limit holds."""
    many = "".join(
        f'def f{n}(a):\n    """Give number {n} back."""\n    return a\n' for n in range(9)
    )
    folder = make_repositories({"a/x.py": many, "a/y.py": many, "b/z.py": many})
    repositories = read_repositories(folder)
    drawn = draw_functions(repositories, 5, 3)

    assert [one.repository for one in drawn] == ["a", "b", "a", "b", "a"]
    assert draw_functions(repositories, 5, 3) == drawn
    assert len(draw_functions(repositories, 100, 3)) == 6


def test_the_first_line_is_that_of_the_text() -> None:
    """Whatever the quotes are, and where the summary begins."""
    assert first_line('r"""Do it.\n\n    More.\n    """') == "Do it."
    assert first_line("'''\n    Do it.\n    '''") == "Do it."
    assert first_line('"Do it."') == "Do it."


def test_a_whole_run_counts_what_it_says(
    make_repositories: Callable[[dict[str, str]], Path], tiny_model: Path
) -> None:
    """A model that is sure of nothing writes no summary: the phrase is compared with itself."""
    folder = make_repositories({"r/a.py": DOCUMENTED})
    report = evaluate(Options(model=tiny_model, data=folder))

    assert report.n == 2
    assert report.sound_rate == 1.0
    assert report.by_model_rate == 0.0
    assert report.chrf == report.chrf_plain > 0
    assert report.chrf_difference_ci95 == (0.0, 0.0)
    assert report.ms_p50 <= report.ms_p95
    shown = table(report)
    assert "2 functions of 1 repositories (r), seed 8" in shown
    assert f"| summary, chrF | {report.chrf:.2f} | |" in shown
