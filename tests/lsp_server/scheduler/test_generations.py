"""Scheduler: how long a generation lives, and which edits and requests end it."""

from typing import Any

import pytest

from inference import Reference
from lsp_server.document import Point
from lsp_server.postprocess.overlap import Insertion
from lsp_server.postprocess.reject import RejectReason


def shown(text: str) -> Insertion:
    return Insertion(text=text, absorbed=0)


async def test_a_cancelled_request_leaves_its_generation_and_the_result_is_kept(
    desk: Any,
) -> None:
    """Asked again at the same place, the answer is there at once; meanwhile it was announced."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4)))
    await desk.settle()
    assert desk.generation.runs
    desk.generation.finish("1")
    await desk.settle()
    desk.ask("again", (0, 4))

    assert desk.answers == {"again": shown("1")}
    assert len(desk.engine.started) == 1
    assert [(ready.cursor, ready.document.version) for ready in desk.ready] == [(Point(0, 4), 1)]


async def test_the_afterlife_ends(desk: Any) -> None:
    """A generation that nobody waits for is ended after its time; its whole words are kept."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4), afterlife_ms=30))
    desk.generation.text = "half a li"
    await desk.settle(0.06)
    assert not desk.generation.runs
    desk.ask("again", (0, 4))

    assert desk.answers == {"again": shown("half a")}
    assert len(desk.engine.started) == 1


async def test_of_an_afterlife_without_text_nothing_is_kept(desk: Any) -> None:
    """Asked again, the place gets a generation of its own."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4), afterlife_ms=30))
    await desk.settle(0.06)
    desk.ask("again", (0, 4))

    assert desk.ready == []
    assert len(desk.engine.started) == 2


async def test_a_request_stops_the_clock_of_the_afterlife(desk: Any) -> None:
    """Somebody waits again, so the generation may take its time."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4), afterlife_ms=30))
    desk.ask("b", (0, 4), afterlife_ms=30)
    await desk.settle(0.06)

    assert desk.generation.runs


@pytest.mark.parametrize("written", ["", "1", "12", "123 + 4"])
async def test_an_agreeing_edit_keeps_the_generation(desk: Any, written: str) -> None:
    """Typed text is a prefix of the generated text, or the other way round."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4)))
    desk.generation.text = written
    desk.type(0, 4, "1")
    desk.type(0, 5, "2")
    await desk.settle()
    assert desk.generation.runs
    desk.generation.finish("123 + 4")
    await desk.settle()
    desk.ask("b", (0, 6))

    assert desk.answers == {"b": shown("3 + 4")}
    assert len(desk.engine.started) == 1
    assert [(ready.cursor, ready.document.version) for ready in desk.ready] == [(Point(0, 6), 3)]


@pytest.mark.parametrize(
    ("line", "column", "end", "text"),
    [
        (0, 4, 4, "2"),  # something else
        (0, 4, 4, "1" * 80),  # a paste
        (0, 3, 4, ""),  # a deletion
        (1, 4, 4, "3"),  # behind the cursor
        (0, 0, 1, "z"),  # before it
    ],
)
async def test_a_disagreeing_edit_kills_the_generation(
    desk: Any, line: int, column: int, end: int, text: str
) -> None:
    """It is cancelled in the moment of the edit, and whoever waits for it is answered."""
    desk.ask("a", (0, 4))
    desk.generation.text = "1 + 1"
    desk.type(line, column, text, end)

    assert not desk.generation.runs
    assert desk.answers == {"a": RejectReason.SUPERSEDED}


async def test_typing_and_deleting_again_agrees(desk: Any) -> None:
    """Back at a place along the text, the generation is still of use."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4)))
    desk.type(0, 4, "12")
    desk.type(0, 5, "", 6)
    desk.generation.finish("123")
    await desk.settle()
    desk.ask("b", (0, 5))

    assert desk.answers == {"b": shown("23")}


async def test_an_edit_above_the_window_does_not_matter(desk: Any) -> None:
    """Lines inserted at the top of a long file only move the place along."""
    desk.open("".join(f"line {number}\n" for number in range(5000)) + "x = ")
    desk.scheduler.withdraw(desk.ask("a", (5000, 4)))
    desk.type(0, 0, "import a\r\nimport b\n")
    assert desk.generation.runs
    desk.generation.finish("1")
    await desk.settle()
    desk.ask("b", (5002, 4))

    assert desk.answers == {"b": shown("1")}
    assert desk.ready[0].cursor == Point(5002, 4)


async def test_a_request_elsewhere_kills_the_generation(desk: Any) -> None:
    """The cursor has left: the newest request of a document decides."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4)))
    first = desk.generation
    desk.ask("b", (1, 5))
    await desk.settle(0.06)

    assert not first.runs
    assert len(desk.engine.started) == 2


async def test_a_refused_request_elsewhere_kills_it_too(desk: Any) -> None:
    """Also where nothing is generated, as in the middle of a line."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4)))
    desk.ask("b", (1, 2), refused=RejectReason.MID_LINE)

    assert not desk.generation.runs
    assert desk.answers == {"b": RejectReason.MID_LINE}


async def test_typing_along_a_finished_text_answers_at_once(desk: Any) -> None:
    """Every place along the text is answered from it, its end is not."""
    desk.ask("start", (0, 4))
    desk.generation.finish("12")
    await desk.settle()
    desk.type(0, 4, "1")
    desk.ask("typed", (0, 5))
    assert desk.answers["typed"] == shown("2")
    desk.type(0, 5, "2")
    await desk.settle(0.07)
    desk.ask("end", (0, 6))

    assert "end" not in desk.answers
    assert len(desk.engine.started) == 2
    assert desk.generation.request.prefix == "x = 12"


async def test_text_typed_ahead_that_turns_out_different_starts_anew(desk: Any) -> None:
    """The request at the newer place is not answered with the older place's text."""
    desk.ask("a", (0, 4))
    first = desk.generation
    desk.type(0, 4, "foo")
    await desk.settle(0.07)
    desk.ask("b", (0, 7))
    assert len(desk.engine.started) == 1
    first.text = "bar"
    await desk.settle(0.2)
    assert not first.runs
    assert desk.generation.request.prefix == "x = foo"
    desk.generation.finish("(1)")
    await desk.settle()

    assert desk.answers["b"] == shown("(1)")


async def test_a_generation_nobody_waits_for_makes_way_for_another_document(desk: Any) -> None:
    """The engine runs one at a time; a waiting request of the other document would be kept."""
    desk.open("z = ", "file:///b.py")
    desk.scheduler.withdraw(desk.ask("a", (0, 4)))
    first = desk.generation
    desk.ask("b", (0, 4), uri="file:///b.py")
    assert not first.runs
    second = desk.generation
    desk.ask("c", (1, 5))
    await desk.settle(0.06)

    assert second.runs
    assert len(desk.engine.started) == 3


async def test_closing_a_document_ends_everything_about_it(desk: Any) -> None:
    """Its generation dies, its request is answered, its results are forgotten."""
    desk.ask("a", (0, 4))
    desk.generation.finish("1")
    await desk.settle()
    desk.ask("b", (1, 5))
    desk.scheduler.document_closed("file:///a.py")
    assert not desk.generation.runs
    assert desk.answers["b"] is RejectReason.SUPERSEDED
    await desk.settle(0.06)
    desk.ask("c", (0, 4))

    assert "c" not in desk.answers


async def test_an_inserted_closer_does_not_end_the_generation(desk: Any) -> None:
    """The bracket that the editor adds behind a typed one is absorbed by what was generated."""
    desk.ask("a", (0, 4))
    desk.generation.text = "call(y"
    desk.type(0, 4, "call()")
    await desk.settle()
    assert desk.generation.runs
    desk.ask("b", (0, 9))
    desk.generation.finish("call(y)")
    await desk.settle()

    assert desk.answers["b"] == Insertion(text="y)", absorbed=1)
    assert len(desk.engine.started) == 1


async def test_typing_before_a_closer_keeps_the_generation(desk: Any) -> None:
    """It stood behind the cursor from the beginning, and still does."""
    desk.open("x = call()\ny = 2\n")
    desk.scheduler.withdraw(desk.ask("a", (0, 9)))
    desk.generation.text = "item"
    desk.type(0, 9, "it")
    await desk.settle()
    assert desk.generation.runs
    desk.generation.finish("item)")
    await desk.settle()
    desk.ask("b", (0, 11))

    assert desk.answers["b"] == Insertion(text="em)", absorbed=1)
    assert [ready.cursor for ready in desk.ready] == [Point(0, 11)]


async def test_other_text_before_a_closer_ends_the_generation(desk: Any) -> None:
    """What is typed contradicts it, closers aside."""
    desk.open("x = call()\ny = 2\n")
    desk.scheduler.withdraw(desk.ask("a", (0, 9)))
    desk.generation.text = "item"
    desk.type(0, 9, "other")
    await desk.settle()

    assert not desk.generation.runs


async def test_a_generation_is_told_the_names_of_an_imported_module(desk: Any) -> None:
    """From what is open beside it."""
    desk.open("from shop import \n", uri="file:///a.py", language="python")
    shop = Reference(key="file:///shop.py", version=1, text="def sell(): pass\n")
    desk.ask("a", (0, 17), uri="file:///a.py", references=lambda: (shop,))

    assert desk.generation.request.candidates == ("sell",)


@pytest.mark.parametrize(
    ("text", "several"), [("if x:\n    \n", True), ('"""if x:\n    \n"""', False)]
)
async def test_several_lines_are_for_code(desk: Any, text: str, several: bool) -> None:
    """In a string one line is written, whatever its text looks like."""
    desk.open(text, language="python")
    desk.ask("a", (1, 4), multi_line=True)

    assert desk.generation.request.multi_line is several
