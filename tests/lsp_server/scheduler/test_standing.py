"""Scheduler: a suggestion that is typed along stays, and nothing is judged again for it."""

from typing import Any

import pytest

from lsp_server.postprocess.confidence import CALIBRATION
from lsp_server.postprocess.overlap import Insertion
from lsp_server.postprocess.reject import RejectReason
from lsp_server.syntax.parsing import SyntaxTrees

# Nats a character.
_SURE_OF_FOUR = -0.21 / CALIBRATION  # five have a confidence of 0.35, four of 0.43; the gate: 0.4
_SURE_OF_THREE = -0.24 / CALIBRATION  # five have 0.30, four 0.38, three 0.49


def shown(text: str, absorbed: int = 0) -> Insertion:
    return Insertion(text=text, absorbed=absorbed)


@pytest.fixture
def no_more_parsing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what makes any look at the syntax an error from then on."""

    def refuse(*_: object) -> None:
        raise AssertionError("the document was parsed")

    return lambda: monkeypatch.setattr(SyntaxTrees, "around", refuse)


async def stand(desk: Any, text: str, logprob: float = -0.001) -> None:
    """Let `text` be shown at the end of the first line."""
    desk.ask("first", (0, 4))
    desk.generation.mean_logprob = logprob
    desk.generation.finish(text)
    await desk.settle()


async def test_keys_along_it_parse_nothing(desk: Any, no_more_parsing: Any) -> None:
    """Python, where the first answer was judged by its syntax and names."""
    desk.open("x = \ny = 2\n", language="python")
    await stand(desk, "int(y)")
    assert desk.answers["first"] == shown("int(y)")
    no_more_parsing()
    for number, left in enumerate(("nt(y)", "t(y)", "(y)", "y)", ")")):
        desk.type(0, 4 + number, "int(y)"[number])
        desk.ask(left, (0, 5 + number), multi_line=True)

        assert desk.answers[left] == shown(left)
    assert len(desk.engine.started) == 1


async def test_a_bracket_that_the_editor_closes_is_absorbed(
    desk: Any, no_more_parsing: Any
) -> None:
    """Then the last character, which only that bracket is left of, is none of a suggestion's."""
    desk.open("x = \ny = 2\n", language="python")
    await stand(desk, "f(y)")
    no_more_parsing()
    desk.type(0, 4, "f()")
    desk.ask("inside", (0, 6))
    desk.type(0, 6, "y")
    desk.ask("behind", (0, 7))

    assert desk.answers["inside"] == shown("y)", absorbed=1)
    assert desk.answers["behind"] is RejectReason.REPEATS_SUFFIX


async def test_backspacing_along_it_keeps_what_is_a_little_too_unsure_to_be_new(desk: Any) -> None:
    """Five characters would not be shown; four are, and then the fifth comes back to them."""
    await stand(desk, "12345", _SURE_OF_FOUR)
    desk.type(0, 4, "1")
    desk.ask("typed", (0, 5))
    desk.type(0, 4, "", end=5)
    desk.ask("erased", (0, 4))

    assert desk.answers["first"] is RejectReason.LOW_CONFIDENCE
    assert desk.answers["typed"] == shown("2345")
    assert desk.answers["erased"] == shown("12345")


async def test_what_is_much_too_unsure_is_not_kept(desk: Any) -> None:
    """The threshold to keep is a little below the one to show, not nothing."""
    await stand(desk, "12345", _SURE_OF_THREE)
    desk.type(0, 4, "12")
    desk.ask("typed", (0, 6))
    desk.type(0, 4, "", end=6)
    desk.ask("erased", (0, 4))

    assert desk.answers["typed"] == shown("345")
    assert desk.answers["erased"] is RejectReason.LOW_CONFIDENCE


async def test_an_edit_elsewhere_has_it_judged_again(desk: Any) -> None:
    """Far above, outside of what the model sees, a quote is taken away that made text of it."""
    above = "# nothing that matters\n" * 1500
    desk.open(f'"""y = 2\n{above}x = \n"""\n', language="python")
    desk.ask("in text", (1501, 4))
    desk.generation.finish("f(1")
    await desk.settle()
    desk.type(0, 0, "", end=3)
    desk.ask("in code", (1501, 4))

    assert desk.answers["in text"] == shown("f(1")
    assert desk.answers["in code"] is RejectReason.BREAKS_SYNTAX
    assert len(desk.engine.started) == 1


async def test_a_typing_error_and_its_correction_bring_it_back(
    desk: Any, no_more_parsing: Any
) -> None:
    """What stood there stands there again, at once."""
    desk.open("x = \ny = 2\n", language="python")
    await stand(desk, "int(y)")
    no_more_parsing()
    desk.type(0, 4, "e")
    desk.type(0, 4, "", end=5)
    desk.ask("again", (0, 4))

    assert desk.answers["again"] == shown("int(y)")


async def test_it_is_answered_while_the_generation_goes_on(desk: Any) -> None:
    """The whole lines that came in time stand; who types along them waits for nothing."""
    desk.open("x = \ny = 2\n")
    desk.ask("early", (0, 4), multi_line=True, answer_within_ms=20)
    desk.generation.text = "12\nz ="
    await desk.settle(0.05)
    assert desk.answers["early"] == shown("12")
    desk.type(0, 4, "1")
    desk.ask("typed", (0, 5), multi_line=True)

    assert desk.answers["typed"] == shown("2")
    assert desk.generation.runs


async def test_more_lines_are_shown_once_they_are_sure(desk: Any) -> None:
    """What stands does not hold back what has become sure by typing."""
    desk.ask("first", (0, 4), multi_line=True)
    desk.generation.mean_logprob = _SURE_OF_FOUR
    desk.generation.finish("12\n34")
    await desk.settle()
    desk.type(0, 4, "1")
    desk.ask("typed", (0, 5), multi_line=True)

    assert desk.answers["first"] == shown("12")
    assert desk.answers["typed"] == shown("2\n34")


async def test_an_explicit_request_gets_all_there_is(desk: Any) -> None:
    """Not only what stands."""
    desk.ask("first", (0, 4), multi_line=True)
    desk.generation.mean_logprob = _SURE_OF_FOUR
    desk.generation.finish("12\n345")
    await desk.settle()
    desk.ask("explicit", (0, 4), multi_line=True, explicit=True)

    assert desk.answers["first"] == shown("12")
    assert desk.answers["explicit"] == shown("12\n345")
