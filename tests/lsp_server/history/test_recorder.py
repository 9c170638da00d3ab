"""From answers and edits to records, with a clock of the test's own."""

import math
import time
from dataclasses import replace

import pytest

from inference import CompletionRequest
from lsp_server.history.calendar import DAY_S
from lsp_server.history.calibration import Calibration, Calibrations, band
from lsp_server.history.recorder import is_explored
from lsp_server.history.records import (
    Confirmed,
    Judged,
    Kept,
    Moment,
    Shown,
    Silence,
    Verdict,
    new_id,
)
from lsp_server.history.writer import Learned
from lsp_server.postprocess.confidence import CALIBRATION
from lsp_server.postprocess.judge import Gate
from lsp_server.postprocess.reject import RejectReason
from lsp_server.settings import Settings
from tests.lsp_server.history.desk import SALT, THRESHOLD, URI, Desk


def test_shown_accepted_retained(desk: Desk) -> None:
    """One suggestion, its verdict, and what is left of it at every moment."""
    desk.show(0, 4, "compute(y)")
    desk.clock.pass_s(1.0)
    desk.edit((0, 4), (0, 4), "compute(y)")
    desk.clock.pass_s(31.0)
    desk.edit((0, 4), (0, 7), "")
    desk.clock.pass_s(700.0)
    desk.edit((0, 0), (0, 11), "")
    desk.recorder.closed(URI)
    (shown,), (judged,) = desk.records(Shown), desk.records(Judged)

    assert (shown.language, shown.kind, shown.line_start) == ("python", "code", False)
    assert (shown.characters, shown.lines, shown.latency_ms) == (10, 1, 12.0)
    assert shown.confidence == pytest.approx(math.exp(-0.01 * 10 * CALIBRATION))
    assert judged == Judged(
        id=shown.id, verdict=Verdict.WHOLE, visible_ms=1000.0, taken=10, grabs=1
    )
    assert [(kept.id, kept.moment, kept.characters) for kept in desk.records(Kept)] == [
        (shown.id, Moment.HALF_MINUTE, 10),
        (shown.id, Moment.TWO_MINUTES, 7),
        (shown.id, Moment.TEN_MINUTES, 7),
        (shown.id, Moment.CLOSE, 0),
    ]


@pytest.mark.parametrize("jump_s", [-7200.0, 7200.0])
def test_a_clock_that_is_set_changes_no_duration(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    """How long a suggestion was seen and what is kept of it, while the clock jumps two hours."""
    before = 1.7e9
    monkeypatch.setattr(time, "time", lambda: before)
    desk.show(0, 4, "compute(y)")
    monkeypatch.setattr(time, "time", lambda: before + jump_s)
    desk.clock.pass_s(1.0)
    desk.edit((0, 4), (0, 4), "compute(y)")
    desk.clock.pass_s(31.0)
    desk.show(1, 4, "3")
    (first, second), (judged,) = desk.records(Shown), desk.records(Judged)

    assert (judged.verdict, judged.visible_ms) == (Verdict.WHOLE, 1000.0)
    assert [kept.moment for kept in desk.records(Kept)] == [Moment.HALF_MINUTE]
    assert second.id > first.id


def test_what_is_shown_now_is_later_than_a_file_of_the_future(desk: Desk) -> None:
    """The clock was put back while no server ran; or its day, where nothing was shown."""
    desk.paper.learned = replace(_learned(shift=0.0), latest=new_id(7e9))
    desk.show(0, 4, "compute(y)")
    desk.recorder.answered(desk.query(0, 4), RejectReason.LOW_CONFIDENCE, None, 1.0)
    (shown,), (silence,) = desk.records(Shown), desk.records(Silence)

    assert shown.id > desk.paper.learned.latest
    assert silence.day == int(7e9 // DAY_S)


def test_typing_along_is_one_suggestion(desk: Desk) -> None:
    """The answers to every key on the way are the same one; contradicted, it counts once."""
    desk.show(0, 4, "compute(y)")
    for number, key in enumerate("comp"):
        desk.clock.pass_s(0.1)
        desk.edit((0, 4 + number), (0, 4 + number), key)
        desk.show(0, 5 + number, "compute(y)"[number + 1 :])
    desk.edit((0, 8), (0, 8), "?")
    (shown,), (judged,) = desk.records(Shown), desk.records(Judged)

    assert (judged.id, judged.verdict) == (shown.id, Verdict.REJECTED)
    assert judged.visible_ms == pytest.approx(400.0)


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [("\n", Verdict.TYPED), (")", Verdict.TYPED), (" + 1", Verdict.BEYOND)],
)
def test_what_is_typed_to_its_end_is_judged_by_what_comes_next(
    desk: Desk, typed: str, verdict: Verdict
) -> None:
    """Confidence is about a line and its end; a line that goes on was not all that was to come."""
    desk.show(0, 4, "ab")
    for number, key in enumerate("ab"):
        desk.edit((0, 4 + number), (0, 4 + number), key)
    desk.recorder.answered(desk.query(0, 6), RejectReason.EMPTY, None, 1.0)
    assert desk.records(Judged) == []
    desk.edit((0, 6), (0, 6), typed)

    assert [judged.verdict for judged in desk.records(Judged)] == [verdict]


def test_a_close_settles_what_was_typed(desk: Desk) -> None:
    """Nothing more is to come; nor does an edit elsewhere say more."""
    for elsewhere in (False, True):
        desk.open("x = \ny = 2\n")
        desk.show(0, 4, "a")
        desk.edit((0, 4), (0, 4), "a")
        if elsewhere:
            desk.edit((1, 5), (1, 5), "0")
        else:
            desk.recorder.closed(URI)

    assert [judged.verdict for judged in desk.records(Judged)] == [Verdict.TYPED] * 2


def test_another_answer_ends_it(desk: Desk) -> None:
    """Something else in its place, nothing in its place, or another place."""
    desk.show(0, 4, "compute(y)")
    desk.show(0, 4, "other()")
    desk.show(1, 5, " + 1")
    desk.recorder.answered(desk.query(1, 5), RejectReason.LOW_CONFIDENCE, None, 1.0)

    assert [judged.verdict for judged in desk.records(Judged)] == [
        Verdict.WITHDRAWN,
        Verdict.LEFT,
        Verdict.WITHDRAWN,
    ]


def test_silence_is_counted_by_reason(desk: Desk) -> None:
    """Except for requests that a newer one has overtaken."""
    for reason in (RejectReason.LOW_CONFIDENCE, RejectReason.SUPERSEDED, RejectReason.MID_LINE):
        desk.recorder.answered(desk.query(0, 4), reason, None, 1.0)

    assert [silence.reason for silence in desk.records(Silence)] == ["low_confidence", "mid_line"]


def test_who_wants_no_history_has_none(desk: Desk) -> None:
    """Whatever is answered, typed and confirmed; the threshold stays the setting's."""
    desk.settings = Settings(history=False)
    desk.paper.learned = _learned(shift=2.0)
    desk.show(0, 4, "compute(y)")
    desk.edit((0, 4), (0, 4), "compute(y)")
    desk.recorder.answered(desk.query(0, 4), RejectReason.EMPTY, None, 1.0)
    desk.recorder.confirmed(1)
    desk.recorder.closed(URI)

    assert desk.paper.records == []
    assert desk.recorder.gate(desk.settings, "python") == Gate(minimum_confidence=THRESHOLD)


def test_a_secret_leaves_no_trace(desk: Desk) -> None:
    """Not even that there was one."""
    desk.recorder.answered(desk.query(0, 4), RejectReason.SECRET, None, 1.0)

    assert desk.paper.records == []


def test_an_entry_of_the_editors_list_is_told_from_the_suggestion(desk: Desk) -> None:
    """Accepted up to the entry's end it is typed; the rest of the way it is accepted."""
    desk.open("x.app\n")
    query = desk.query(0, 5)
    request = replace(query.request, prefix="x.append", suffix="\n")
    desk.show(0, 5, "(y)", request=request)
    desk.clock.pass_s(1.0)
    desk.edit((0, 2), (0, 5), "append")
    desk.show(0, 8, "(y)")
    desk.clock.pass_s(1.0)
    desk.edit((0, 8), (0, 8), "(y)")
    (judged,) = desk.records(Judged)

    assert (judged.verdict, judged.taken) == (Verdict.WHOLE, 3)
    assert len(desk.records(Shown)) == 1


def test_an_entry_that_changes_typed_text_ends_what_stood_there(desk: Desk) -> None:
    """Its own suggestion is none that edits could be compared with."""
    desk.open("x.APP\n")
    desk.show(0, 5, "END")
    request = replace(desk.query(0, 5).request, prefix="x.append")
    desk.show(0, 5, "(y)", request=request)

    assert [judged.verdict for judged in desk.records(Judged)] == [Verdict.WITHDRAWN]
    assert len(desk.records(Shown)) == 1


def test_a_lists_entry_is_not_turned_down(desk: Desk) -> None:
    """In ordinary completion nothing stands in the way."""
    desk.show(0, 4, "compute(y)", method="textDocument/completion")
    desk.clock.pass_s(1.0)
    desk.edit((0, 4), (0, 4), "z")

    assert desk.records(Shown)[0].list_entry
    assert desk.records(Judged)[0].verdict is Verdict.LEFT


def test_a_command_confirms(desk: Desk) -> None:
    """It brings back what the item was given."""
    desk.show(0, 4, "compute(y)")
    known = desk.recorder.accept_command_id(URI)
    assert known is not None
    desk.recorder.confirmed(int(known))

    assert desk.records(Confirmed) == [Confirmed(id=desk.records(Shown)[0].id)]
    assert desk.recorder.accept_command_id("file:///b.py") is None


def test_so_many_accepted_texts_are_watched_over(desk: Desk) -> None:
    """The oldest are let go of."""
    for number in range(70):
        desk.edit((0, 0), (0, 0), "\n")
        desk.show(0, 0, f"compute({number})")
        desk.clock.pass_s(1.0)
        desk.edit((0, 0), (0, 0), f"compute({number})")
    desk.recorder.closed(URI)
    closed = [kept.id for kept in desk.records(Kept) if kept.moment is Moment.CLOSE]

    assert len(desk.records(Shown)) == 70
    assert closed == [shown.id for shown in desk.records(Shown)][6:]


def _learned(shift: float) -> Learned:
    overall = Calibration(shift=shift, events=1000)
    return Learned(salt=SALT, calibrations=Calibrations(overall=overall))


def test_the_gate_follows_what_was_learned(desk: Desk) -> None:
    """Lower for who wants more, higher for who wants less, unless switched off."""
    lowest, highest = band(THRESHOLD)
    desk.paper.learned = _learned(shift=9.0)
    low = desk.recorder.gate(desk.settings, "python").minimum_confidence
    desk.paper.learned = _learned(shift=-9.0)
    high = desk.recorder.gate(desk.settings, "python").minimum_confidence
    off = desk.recorder.gate(Settings(adapt_to_me=False), "python")

    assert (low, high) == (pytest.approx(lowest), pytest.approx(highest))
    assert off == Gate(minimum_confidence=THRESHOLD)


def test_one_place_in_fifty_is_explored_and_always_the_same(desk: Desk) -> None:
    """A little under the threshold; other installations explore other places."""
    requests = [
        CompletionRequest(document=URI, path="", prefix=f"x{number} = ", suffix="\n")
        for number in range(5000)
    ]
    desk.paper.learned = _learned(shift=0.0)
    gate = desk.recorder.gate(desk.settings, "python")
    lower = [request for request in requests if gate.at(request).minimum_confidence < THRESHOLD]
    again = [request for request in requests if is_explored(request, SALT)]
    elsewhere = [request for request in requests if is_explored(request, b"t" * 32)]

    assert 60 < len(lower) < 140
    assert lower == again
    assert len([request for request in lower if request in elsewhere]) < 20
    assert gate.at(lower[0]).minimum_confidence == pytest.approx(band(THRESHOLD)[0])


def test_what_is_shown_to_learn_from_it_is_marked(desk: Desk) -> None:
    """Its confidence is below the threshold, and nobody has asked for it."""
    text = "compute(y)"
    sure = math.log(0.9 * THRESHOLD) / CALIBRATION
    desk.show(0, 4, text, logprob=sure / len(text))
    desk.show(1, 5, " + 1", logprob=-2.0, explicit=True)

    assert [shown.explored for shown in desk.records(Shown)] == [True, False]
