"""Scheduler: when a request is answered, with what, and what is announced later."""

import math
from typing import Any

import pytest

from inference import EngineClosedError, FinishReason, MixlineError
from lsp_server.postprocess.confidence import CALIBRATION
from lsp_server.postprocess.overlap import Insertion
from lsp_server.postprocess.reject import RejectReason


def shown(text: str) -> Insertion:
    return Insertion(text=text, absorbed=0)


async def test_a_finished_generation_answers(desk: Any) -> None:
    """One request, one generation, one answer."""
    desk.ask("a", (0, 4))
    desk.generation.finish("1")
    await desk.settle()

    assert desk.answers == {"a": shown("1")}
    assert desk.ready == []


async def test_a_superseded_request_is_answered_before_the_newer_one(desk: Any) -> None:
    """At once, and first, even if the newer one is answered from the cache in the same moment."""
    desk.ask("first", (0, 4))
    desk.generation.finish("1")
    await desk.settle()
    desk.ask("older", (1, 2))
    desk.ask("newer", (0, 4))

    assert list(desk.answers.items()) == [
        ("first", shown("1")),
        ("older", RejectReason.SUPERSEDED),
        ("newer", shown("1")),
    ]
    assert not desk.generation.runs


async def test_methods_do_not_supersede_each_other_and_share_a_generation(desk: Any) -> None:
    """A completion list and ghost text asked for by one key are both answered, by one run."""
    desk.ask("ghost", (0, 4))
    desk.ask("list", (0, 4), method="textDocument/completion")
    await desk.settle(0.05)
    desk.generation.finish("1")
    await desk.settle()

    assert desk.answers == {"ghost": shown("1"), "list": shown("1")}
    assert len(desk.engine.started) == 1


async def test_out_of_time_the_complete_lines_are_shown_and_the_rest_announced(
    desk: Any,
) -> None:
    """The later result is a longer one at the same place."""
    desk.ask("a", (0, 4), multi_line=True, answer_within_ms=20)
    desk.generation.text = "[\n    1,\n    2"
    await desk.settle(0.04)
    assert desk.answers == {"a": shown("[\n    1,")}
    desk.generation.finish("[\n    1,\n    2,\n]")
    await desk.settle()

    assert len(desk.ready) == 1
    desk.ask("b", (0, 4), explicit=True)
    assert desk.answers["b"] == shown("[\n    1,\n    2,\n]")


async def test_what_was_announced_is_asked_for_by_the_client(desk: Any) -> None:
    """Its explicit request gets what typing would get; the user's own, behind it, gets it all."""
    desk.ask("a", (0, 4), multi_line=True, answer_within_ms=20)
    await desk.settle(0.04)
    desk.generation.mean_logprob = -0.228
    desk.generation.finish("12\n345")
    await desk.settle()
    assert len(desk.ready) == 1
    desk.ask("client", (0, 4), multi_line=True, explicit=True)
    desk.ask("user", (0, 4), multi_line=True, explicit=True)

    assert desk.answers["client"] == shown("12")
    assert desk.answers["user"] == shown("12\n345")


async def test_what_is_given_up_is_no_suggestion_and_never_an_explicit_request(desk: Any) -> None:
    """The limit is the gate's; the user who asks gets a generation without one."""
    desk.ask("automatic", (0, 4))
    limit = desk.generation.request.least_logprob
    desk.generation.mean_logprob = -2.0
    desk.generation.finish("1", FinishReason.UNSURE)
    await desk.settle()
    desk.ask("again", (0, 4))
    assert len(desk.engine.started) == 1
    desk.ask("explicit", (0, 4), explicit=True)
    await desk.settle(0.07)
    desk.generation.finish("12")
    await desk.settle()

    assert limit == pytest.approx(math.log(0.4) / CALIBRATION, abs=1e-6)
    assert desk.generation.request.least_logprob is None
    assert desk.answers == {
        "automatic": RejectReason.LOW_CONFIDENCE,
        "again": RejectReason.LOW_CONFIDENCE,
        "explicit": shown("12"),
    }


async def test_an_explicit_request_goes_on_where_an_automatic_one_is_given_up(desk: Any) -> None:
    """It waits for the running generation, and then for one of its own."""
    desk.ask("automatic", (0, 4))
    desk.ask("explicit", (0, 4), explicit=True)
    desk.generation.finish("1", FinishReason.UNSURE)
    await desk.settle(0.1)
    desk.generation.finish("12")
    await desk.settle()

    assert desk.answers["explicit"] == shown("12")
    assert len(desk.engine.started) == 2


async def test_out_of_time_without_a_complete_line_nothing_is_shown(desk: Any) -> None:
    """Half a line is no suggestion; when it is complete, the client is told."""
    desk.ask("a", (0, 4), answer_within_ms=20)
    desk.generation.text = "half a li"
    await desk.settle(0.04)
    assert desk.answers == {"a": RejectReason.NOT_READY}
    desk.generation.finish("half a line")
    await desk.settle()

    assert len(desk.ready) == 1


async def test_nothing_is_announced_that_says_no_more(desk: Any) -> None:
    """Neither what was shown already nor what the gate refuses, nor where somebody waits."""
    desk.ask("a", (0, 4), multi_line=True, answer_within_ms=20)
    desk.generation.text = "[\n    1,\n"
    await desk.settle(0.04)
    desk.generation.finish("[\n    1,\n")
    await desk.settle()
    assert desk.ready == []

    await desk.settle(0.07)
    desk.scheduler.withdraw(desk.ask("b", (1, 5)))
    desk.generation.mean_logprob = -3.0
    desk.generation.finish("5")
    await desk.settle()
    assert desk.ready == []


async def test_the_gate_is_for_automatic_requests(desk: Any) -> None:
    """An explicit request at the same place is answered from the same result."""
    desk.ask("automatic", (0, 4))
    desk.generation.mean_logprob = -3.0
    desk.generation.finish("1")
    await desk.settle()
    desk.ask("explicit", (0, 4), explicit=True)

    assert desk.answers == {"automatic": RejectReason.LOW_CONFIDENCE, "explicit": shown("1")}
    assert len(desk.engine.started) == 1


async def test_an_explicit_request_wants_text_where_an_automatic_one_found_none(
    desk: Any,
) -> None:
    """It attaches to the running generation, and starts another when that says nothing."""
    desk.ask("automatic", (0, 4))
    desk.ask("explicit", (0, 4), explicit=True)
    desk.generation.finish("", FinishReason.STOP)
    await desk.settle(0.1)
    assert len(desk.engine.started) == 2
    assert desk.generation.request.require_text
    desk.generation.finish("", FinishReason.STOP)
    await desk.settle(0.1)

    assert desk.answers["explicit"] is RejectReason.EMPTY
    assert len(desk.engine.started) == 2


async def test_other_settings_make_old_results_worthless(desk: Any) -> None:
    """They were generated under the old ones."""
    desk.ask("a", (0, 4))
    desk.generation.finish("1")
    await desk.settle(0.06)
    desk.scheduler.settings_changed()
    desk.ask("b", (0, 4))

    assert "b" not in desk.answers
    assert len(desk.engine.started) == 2


async def test_a_failing_engine_is_an_empty_answer(desk: Any) -> None:
    """Whether it refuses the request, fails at it, or is closed meanwhile."""
    desk.engine.refusal = EngineClosedError("closed")
    desk.ask("refused", (0, 4))
    desk.engine.refusal = None
    await desk.settle(0.06)
    desk.ask("failed", (0, 4))
    desk.generation.future.set_exception(MixlineError("broken"))
    await desk.settle()

    assert desk.answers == {"refused": RejectReason.FAILED, "failed": RejectReason.FAILED}


async def test_a_stopped_scheduler_says_nothing_more(desk: Any) -> None:
    """The client has gone; work ends and no answer is attempted."""
    desk.ask("a", (0, 4), answer_within_ms=10)
    desk.scheduler.stop()
    await desk.settle(0.03)

    assert not desk.generation.runs
    assert desk.answers == {}
    assert desk.ready == []


async def test_doubts_lower_the_confidence_of_automatic_requests(desk: Any) -> None:
    """A sure line that uses a name of nowhere, or repeats the line above, is not shown."""
    for name, text in (("unknown", "return b"), ("repeated", "abc = 1"), ("known", "return abc")):
        desk.open("def f():\n    abc = 1\n    \n", uri=f"file:///{name}.py", language="python")
        desk.ask(name, (2, 4), uri=f"file:///{name}.py")
        desk.generation.mean_logprob = -0.05
        desk.generation.finish(text)
        await desk.settle()

    assert desk.answers == {
        "unknown": RejectReason.LOW_CONFIDENCE,
        "repeated": RejectReason.LOW_CONFIDENCE,
        "known": shown("return abc"),
    }
