"""Scheduler: what follows an acceptance is generated while the suggestion stands."""

from typing import Any

import pytest

from inference import Reference
from lsp_server.postprocess.overlap import Insertion


def shown(text: str) -> Insertion:
    return Insertion(text=text, absorbed=0)


@pytest.fixture
async def standing(desk: Any) -> Any:
    """Return a desk where `12` stands behind `x = `, and the generation behind it runs."""
    desk.ask("a", (0, 4), several_lines=True)
    desk.generation.finish("12")
    await desk.settle()
    assert desk.answers == {"a": shown("12")}
    return desk


async def test_it_begins_where_the_suggestion_ends(standing: Any) -> None:
    """One generation more, of several lines, that nobody waits for."""
    first, ahead = standing.engine.started

    assert not first.runs
    assert ahead.runs
    assert (ahead.request.prefix, ahead.request.suffix) == ("x = 12", "\ny = 2\n")
    assert ahead.request.multi_line
    assert ahead.request.priority > first.request.priority


async def test_it_is_given_what_an_ordinary_request_is_given(desk: Any) -> None:
    """Where definitions begin, the texts beside it, and the names of a module imported from."""
    desk.open("def f():\n    pass\n\n\n", language="python")
    helpers = Reference(key="file:///helpers.py", version=1, text="def first(): ...\nSECOND = 2\n")
    beside = {"references": lambda: (helpers,), "several_lines": True}
    desk.ask("a", (3, 0), explicit=True, **beside)
    desk.generation.finish("from helpers import (")
    await desk.settle()
    ahead = desk.generation.request
    desk.type(3, 0, "from helpers import (")
    desk.scheduler.make_way()
    desk.ask("b", (3, 21), **beside)
    await desk.settle(0.07)
    ordinary = desk.generation.request

    assert ahead.prefix == ordinary.prefix
    assert ahead.candidates == ordinary.candidates == ("SECOND", "first")
    assert ahead.borders == ordinary.borders == (0,)
    assert ahead.references == ordinary.references == (helpers,)


async def test_after_an_accept_the_next_line_is_there(standing: Any) -> None:
    """The request is answered from the finished generation at once."""
    standing.generation.finish("\nz = 3")
    await standing.settle()
    standing.type(0, 4, "12")
    standing.ask("next", (0, 6))

    assert standing.answers["next"] == shown("\nz = 3")


async def test_a_request_waits_for_what_is_on_its_way(standing: Any) -> None:
    """Accepted sooner than generated: no second generation, the same answer."""
    standing.type(0, 4, "12")
    standing.ask("next", (0, 6))
    await standing.settle(0.07)
    assert "next" not in standing.answers
    assert len(standing.engine.started) == 2
    standing.generation.finish("\nz = 3")
    await standing.settle()

    assert standing.answers["next"] == shown("\nz = 3")


async def test_typing_along_lets_it_run(standing: Any) -> None:
    """Also past its end; Enter and what follows are answered from it as well."""
    standing.type(0, 4, "1")
    standing.ask("typed", (0, 5))
    assert standing.answers["typed"] == shown("2")
    assert standing.generation.runs
    standing.generation.finish("\nz = 3")
    await standing.settle()
    standing.type(0, 5, "2\n")
    standing.ask("line", (1, 0))

    assert standing.answers["line"] == shown("z = 3")
    assert len(standing.engine.started) == 2


@pytest.mark.parametrize(
    ("line", "column", "end", "text"),
    [
        (0, 4, 4, "7"),  # something else
        (0, 3, 4, ""),  # a deletion
        (1, 4, 4, "3"),  # behind the cursor
    ],
)
async def test_a_disagreeing_edit_ends_it(
    standing: Any, line: int, column: int, end: int, text: str
) -> None:
    """In the moment of the edit."""
    standing.type(line, column, text, end)

    assert not standing.generation.runs


async def test_any_other_generation_ends_it(standing: Any) -> None:
    """The engine is needed."""
    standing.open("b", "file:///b.py")
    ahead = standing.generation
    standing.ask("b", (0, 1), uri="file:///b.py")

    assert not ahead.runs
    assert standing.generation.runs


async def test_closing_ends_it(standing: Any) -> None:
    """Nothing of a closed document is worked on."""
    standing.scheduler.document_closed("file:///a.py")

    assert not standing.generation.runs
    assert standing.scheduler.is_idle


async def test_what_was_generated_before_is_not_generated_again(standing: Any) -> None:
    """Asked again at the same place."""
    standing.generation.finish("\nz = 3")
    await standing.settle()
    standing.ask("again", (0, 4), several_lines=True)

    assert standing.answers["again"] == shown("12")
    assert len(standing.engine.started) == 2


async def test_nothing_is_tried_where_several_lines_are_not_wanted(desk: Any) -> None:
    """By the settings, or because text stands behind the suggestion."""
    desk.ask("a", (0, 4), several_lines=False)
    desk.generation.finish("12")
    await desk.settle()
    desk.open("f(, 2)\n")
    desk.ask("b", (0, 2), several_lines=True, explicit=True)
    await desk.settle(0.07)
    desk.generation.finish("1")
    await desk.settle()

    assert desk.answers["b"] == shown("1")
    assert len(desk.engine.started) == 2
