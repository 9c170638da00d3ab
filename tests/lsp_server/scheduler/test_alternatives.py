"""Alternatives: one generation after another, until there are enough that differ."""

from typing import Any

import pytest

from inference import EngineClosedError
from lsp_server.alternatives import MOST_ITEMS, Alternatives
from lsp_server.postprocess.overlap import Insertion

FIRST = Insertion(text="one", absorbed=0)


@pytest.fixture
async def drawing(desk: Any) -> Any:
    """Look for alternatives to a first suggestion; return what is replied, and to whom to tell."""
    query = desk.ask("a", (0, 4), explicit=True).query
    desk.generation.finish(FIRST.text)
    await desk.settle()
    desk.engine.started.clear()
    alternatives = Alternatives(lambda: desk.engine)
    replies: list[tuple[Insertion, ...]] = []
    alternatives.draw(query, FIRST, replies.append)
    return alternatives, replies


async def test_each_second_one_begins_like_none_before(desk: Any, drawing: Any) -> None:
    """The engine is told of all that was written so far; five items end the search."""
    _, replies = drawing
    for text in ("two", "three", "four", "five"):
        assert not replies
        desk.generation.finish(text)
        await desk.settle()
    (items,) = replies
    requests = [generation.request for generation in desk.engine.started]

    assert [item.text for item in items] == ["one", "two", "three", "four", "five"]
    assert len(items) == MOST_ITEMS
    assert [request.unlike for request in requests] == [
        ("one",),
        (),
        ("one", "two", "three"),
        (),
    ]
    assert [request.sampling.temperature > 0 for request in requests] == [False, True, False, True]
    assert len({request.sampling.seed for request in requests[1::2]}) == 2


async def test_what_differs_in_blanks_alone_is_no_other(desk: Any, drawing: Any) -> None:
    """Nor what comes twice, nor nothing; the search ends all the same."""
    _, replies = drawing
    for text in ("one", "o ne", "", "two", " two", "two", "one", "", "one", "two"):
        assert not replies
        desk.generation.finish(text)
        await desk.settle()

    assert [item.text for item in replies[0]] == ["one", "two"]


async def test_an_edit_ends_it_with_what_there_is(desk: Any, drawing: Any) -> None:
    """The reply comes at once, and only once."""
    alternatives, replies = drawing
    desk.generation.finish("two")
    await desk.settle()
    assert desk.generation.runs
    alternatives.edited("file:///a.py")
    await desk.settle()

    assert [item.text for item in replies[0]] == ["one", "two"]
    assert not desk.generation.runs
    assert len(desk.engine.started) == 2
    alternatives.stop()
    assert len(replies) == 1


async def test_an_engine_that_refuses_ends_it_too(desk: Any, drawing: Any) -> None:
    """What was found by then is the answer."""
    _, replies = drawing
    desk.engine.refusal = EngineClosedError("closed")
    desk.generation.finish("two")
    await desk.settle()

    assert [item.text for item in replies[0]] == ["one", "two"]


async def test_without_an_engine_there_is_the_first_alone(desk: Any) -> None:
    """The request is answered at once."""
    query = desk.ask("a", (0, 4), explicit=True).query
    replies: list[tuple[Insertion, ...]] = []
    Alternatives(lambda: None).draw(query, FIRST, replies.append)

    assert replies == [(FIRST,)]
