"""Scheduler: which generations run for which requests, and when each request is answered.

Pure scheduling, on an engine whose generations the tests write token by token.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import pytest

from inference import Completion, CompletionRequest, EngineClosedError, FinishReason, MixlineError
from lsp_server.context.around_cursor import WindowPins
from lsp_server.document import Document, Edit, Point
from lsp_server.postprocess.judge import Gate
from lsp_server.postprocess.overlap import Insertion
from lsp_server.postprocess.reject import RejectReason
from lsp_server.query import Outcome, Query, Ready
from lsp_server.scheduler import Pending, Scheduler

URI = "file:///a.py"
METHOD = "textDocument/inlineCompletion"


class WrittenGeneration:
    """A generation whose text the test writes."""

    def __init__(self, request: CompletionRequest) -> None:
        self.request = request
        self.future: Future[Completion] = Future()
        self.text = ""
        self.mean_logprob = -0.1

    def cancel(self) -> None:
        if not self.future.done():
            self.future.set_result(self.completion(FinishReason.CANCELLED))

    def snapshot(self) -> Completion:
        return self.completion(None)

    def completion(self, reason: FinishReason | None) -> Completion:
        return Completion(
            text=self.text,
            finish_reason=reason,
            tokens=len(self.text),
            prompt_tokens=1,
            cached_tokens=0,
            mean_logprob=self.mean_logprob,
            min_logprob=self.mean_logprob,
            drafted_tokens=0,
            ms_prefill=0.0,
            ms_decode=0.0,
        )

    def finish(self, text: str, reason: FinishReason = FinishReason.LINE) -> None:
        self.text = text
        self.future.set_result(self.completion(reason))

    @property
    def runs(self) -> bool:
        return not self.future.done()


class WrittenEngine:
    """Keeps every generation that was started."""

    def __init__(self) -> None:
        self.started: list[WrittenGeneration] = []
        self.refusal: MixlineError | None = None

    def submit(self, request: CompletionRequest) -> WrittenGeneration:
        if self.refusal is not None:
            raise self.refusal
        self.started.append(WrittenGeneration(request))
        return self.started[-1]


@dataclass
class Desk:
    """A scheduler with a document, and everything it has said."""

    engine: WrittenEngine
    answers: dict[str, Outcome] = field(default_factory=dict)  # in the order they were given
    ready: list[Ready] = field(default_factory=list)
    input_pending: bool = False
    pins: WindowPins = field(default_factory=WindowPins)
    documents: dict[str, Document] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(
            lambda: self.engine,  # type: ignore[arg-type, return-value]
            self.ready.append,
            lambda: self.input_pending,
        )

    def open(self, text: str, uri: str = URI) -> None:
        self.documents[uri] = Document.of_text(uri=uri, version=1, language="python", text=text)

    def ask(self, name: str, cursor: tuple[int, int], **changes: object) -> Pending:
        uri = str(changes.pop("uri", URI))
        document = self.documents[uri]
        window = self.pins.window(document, Point(*cursor))
        explicit = bool(changes.pop("explicit", False))
        request = CompletionRequest(
            document=uri,
            path="a.py",
            prefix=window.prefix,
            suffix=window.suffix,
            multi_line=bool(changes.pop("multi_line", False)),
            require_text=explicit,
        )
        query = Query(
            method=METHOD,
            request=request,
            references=tuple,
            document=document,
            cursor=Point(*cursor),
            window=window,
            explicit=explicit,
            answer_within_ms=None,
            afterlife_ms=4000,
            gate=Gate(minimum_mean_logprob=-1.0),
            announce=True,
        )

        def reply(outcome: Outcome) -> None:
            assert name not in self.answers
            self.answers[name] = outcome

        return self.scheduler.ask(replace(query, **changes), reply)  # type: ignore[arg-type]

    def type(self, line: int, column: int, text: str, end: int | None = None) -> None:
        old = self.documents[URI]
        last = column if end is None else end
        new, edit = old.replace(Point(line, column), Point(line, last), text, old.version + 1)
        self.change(new, edit)

    def change(self, document: Document, edit: Edit) -> None:
        self.pins.edited(document.uri, edit)
        self.documents[document.uri] = document
        self.scheduler.document_changed(document, [edit])

    @property
    def generation(self) -> WrittenGeneration:
        return self.engine.started[-1]


async def settle(seconds: float = 0.0) -> None:
    """Let what the engine's thread handed over arrive, then wait."""
    for _ in range(3):
        await asyncio.sleep(0)
    if seconds:
        await asyncio.sleep(seconds)


@pytest.fixture
async def desk() -> Desk:
    desk = Desk(WrittenEngine())
    desk.open("x = \ny = 2\n")
    return desk


def shown(text: str, absorbed: int = 0) -> Insertion:
    return Insertion(text=text, absorbed=absorbed)


async def test_a_finished_generation_answers(desk: Desk) -> None:
    """One request, one generation, one answer."""
    desk.ask("a", (0, 4))
    desk.generation.finish("1")
    await settle()

    assert desk.answers == {"a": shown("1")}
    assert desk.ready == []


async def test_a_superseded_request_is_answered_before_the_newer_one(desk: Desk) -> None:
    """At once, and first, even if the newer one is answered from the cache in the same moment."""
    desk.ask("first", (0, 4))
    desk.generation.finish("1")
    await settle()
    desk.ask("older", (1, 2))
    desk.ask("newer", (0, 4))

    assert list(desk.answers.items()) == [
        ("first", shown("1")),
        ("older", RejectReason.SUPERSEDED),
        ("newer", shown("1")),
    ]
    assert not desk.generation.runs


async def test_methods_do_not_supersede_each_other_and_share_a_generation(desk: Desk) -> None:
    """A completion list and ghost text asked for by one key are both answered, by one run."""
    desk.ask("ghost", (0, 4))
    desk.ask("list", (0, 4), method="textDocument/completion")
    await settle(0.05)
    desk.generation.finish("1")
    await settle()

    assert desk.answers == {"ghost": shown("1"), "list": shown("1")}
    assert len(desk.engine.started) == 1


async def test_a_cancelled_request_leaves_its_generation_and_the_result_is_kept(
    desk: Desk,
) -> None:
    """Asked again at the same place, the answer is there at once; meanwhile it was announced."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4)))
    await settle()
    assert desk.generation.runs
    desk.generation.finish("1")
    await settle()
    desk.ask("again", (0, 4))

    assert desk.answers == {"again": shown("1")}
    assert len(desk.engine.started) == 1
    assert [(ready.cursor, ready.document.version) for ready in desk.ready] == [(Point(0, 4), 1)]


async def test_the_afterlife_ends(desk: Desk) -> None:
    """A generation that nobody waits for is ended after its time; its whole words are kept."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4), afterlife_ms=30))
    desk.generation.text = "half a li"
    await settle(0.06)
    assert not desk.generation.runs
    desk.ask("again", (0, 4))

    assert desk.answers == {"again": shown("half a")}
    assert len(desk.engine.started) == 1


async def test_of_an_afterlife_without_text_nothing_is_kept(desk: Desk) -> None:
    """Asked again, the place gets a generation of its own."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4), afterlife_ms=30))
    await settle(0.06)
    desk.ask("again", (0, 4))

    assert desk.ready == []
    assert len(desk.engine.started) == 2


async def test_a_request_stops_the_clock_of_the_afterlife(desk: Desk) -> None:
    """Somebody waits again, so the generation may take its time."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4), afterlife_ms=30))
    desk.ask("b", (0, 4), afterlife_ms=30)
    await settle(0.06)

    assert desk.generation.runs


@pytest.mark.parametrize("written", ["", "1", "12", "123 + 4"])
async def test_an_agreeing_edit_keeps_the_generation(desk: Desk, written: str) -> None:
    """Typed text is a prefix of the generated text, or the other way round."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4)))
    desk.generation.text = written
    desk.type(0, 4, "1")
    desk.type(0, 5, "2")
    await settle()
    assert desk.generation.runs
    desk.generation.finish("123 + 4")
    await settle()
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
    desk: Desk, line: int, column: int, end: int, text: str
) -> None:
    """It is cancelled in the moment of the edit, and whoever waits for it is answered."""
    desk.ask("a", (0, 4))
    desk.generation.text = "1 + 1"
    desk.type(line, column, text, end)

    assert not desk.generation.runs
    assert desk.answers == {"a": RejectReason.SUPERSEDED}


async def test_typing_and_deleting_again_agrees(desk: Desk) -> None:
    """Back at a place along the text, the generation is still of use."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4)))
    desk.type(0, 4, "12")
    desk.type(0, 5, "", 6)
    desk.generation.finish("123")
    await settle()
    desk.ask("b", (0, 5))

    assert desk.answers == {"b": shown("23")}


async def test_an_edit_above_the_window_does_not_matter() -> None:
    """Lines inserted at the top of a long file only move the place along."""
    desk = Desk(WrittenEngine())
    desk.open("".join(f"line {number}\n" for number in range(5000)) + "x = ")
    desk.scheduler.withdraw(desk.ask("a", (5000, 4)))
    desk.type(0, 0, "import a\r\nimport b\n")
    assert desk.generation.runs
    desk.generation.finish("1")
    await settle()
    desk.ask("b", (5002, 4))

    assert desk.answers == {"b": shown("1")}
    assert desk.ready[0].cursor == Point(5002, 4)


async def test_a_request_elsewhere_kills_the_generation(desk: Desk) -> None:
    """The cursor has left: the newest request of a document decides."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4)))
    first = desk.generation
    desk.ask("b", (1, 5))
    await settle(0.06)

    assert not first.runs
    assert len(desk.engine.started) == 2


async def test_a_refused_request_elsewhere_kills_it_too(desk: Desk) -> None:
    """Also where nothing is generated, as in the middle of a line."""
    desk.scheduler.withdraw(desk.ask("a", (0, 4)))
    desk.ask("b", (1, 2), refused=RejectReason.MID_LINE)

    assert not desk.generation.runs
    assert desk.answers == {"b": RejectReason.MID_LINE}


async def test_typing_along_a_finished_text_answers_at_once(desk: Desk) -> None:
    """Every place along the text is answered from it, its end is not."""
    desk.ask("start", (0, 4))
    desk.generation.finish("12")
    await settle()
    desk.type(0, 4, "1")
    desk.ask("typed", (0, 5))
    assert desk.answers["typed"] == shown("2")
    desk.type(0, 5, "2")
    await settle(0.07)
    desk.ask("end", (0, 6))

    assert "end" not in desk.answers
    assert len(desk.engine.started) == 2
    assert desk.generation.request.prefix == "x = 12"


async def test_text_typed_ahead_that_turns_out_different_starts_anew(desk: Desk) -> None:
    """The request at the newer place is not answered with the older place's text."""
    desk.ask("a", (0, 4))
    first = desk.generation
    desk.type(0, 4, "foo")
    await settle(0.07)
    desk.ask("b", (0, 7))
    assert len(desk.engine.started) == 1
    first.text = "bar"
    await settle(0.2)
    assert not first.runs
    assert desk.generation.request.prefix == "x = foo"
    desk.generation.finish("(1)")
    await settle()

    assert desk.answers["b"] == shown("(1)")


async def test_of_a_burst_at_most_two_generations_run(desk: Desk) -> None:
    """Fifty keys with a request each, in one go: the first and the last are generated for."""
    for number in range(50):
        desk.type(0, 4 + number, "ab"[number % 2])
        desk.ask(f"{number}", (0, 5 + number))
    await settle(0.3)
    assert 1 <= len(desk.engine.started) <= 2
    for generation in desk.engine.started:
        if generation.runs:
            generation.finish("!")
    await settle(0.3)
    if desk.generation.runs:
        desk.generation.finish("!")
    await settle(0.1)

    assert len(desk.engine.started) <= 2
    assert list(desk.answers) == [f"{number}" for number in range(50)]
    assert desk.answers["49"] == shown("!")
    assert set(list(desk.answers.values())[:-1]) == {RejectReason.SUPERSEDED}


async def test_a_burst_of_jumps_runs_at_most_two_generations(desk: Desk) -> None:
    """Requests at changing places without any edit."""
    desk.open("".join(f"x{number} = \n" for number in range(50)))
    for number in range(50):
        desk.ask(f"{number}", (number, 4))
    await settle(0.3)

    assert len(desk.engine.started) == 2
    assert desk.generation.request.prefix.endswith("\nx49 ")


async def test_a_burst_at_one_place_runs_one_generation(desk: Desk) -> None:
    """All of them want the same."""
    for number in range(50):
        desk.ask(f"{number}", (0, 4))
    desk.generation.finish("1")
    await settle(0.2)

    assert len(desk.engine.started) == 1
    assert desk.answers["49"] == shown("1")


async def test_unread_input_delays_the_start(desk: Desk) -> None:
    """On a busy machine quiet means that nothing waits to be read, not that time has passed."""
    desk.input_pending = True
    desk.ask("a", (0, 4))
    desk.ask("b", (1, 5))
    await settle(0.2)
    assert len(desk.engine.started) == 1
    desk.input_pending = False
    await settle(0.2)

    assert len(desk.engine.started) == 2


async def test_out_of_time_the_complete_lines_are_shown_and_the_rest_announced(
    desk: Desk,
) -> None:
    """The later result is a longer one at the same place."""
    desk.ask("a", (0, 4), multi_line=True, answer_within_ms=20)
    desk.generation.text = "[\n    1,\n    2"
    await settle(0.04)
    assert desk.answers == {"a": shown("[\n    1,")}
    desk.generation.finish("[\n    1,\n    2,\n]")
    await settle()

    assert len(desk.ready) == 1
    desk.ask("b", (0, 4), explicit=True)
    assert desk.answers["b"] == shown("[\n    1,\n    2,\n]")


async def test_out_of_time_without_a_complete_line_nothing_is_shown(desk: Desk) -> None:
    """Half a line is no suggestion; when it is complete, the client is told."""
    desk.ask("a", (0, 4), answer_within_ms=20)
    desk.generation.text = "half a li"
    await settle(0.04)
    assert desk.answers == {"a": RejectReason.NOT_READY}
    desk.generation.finish("half a line")
    await settle()

    assert len(desk.ready) == 1


async def test_nothing_is_announced_that_says_no_more(desk: Desk) -> None:
    """Neither what was shown already nor what the gate refuses, nor where somebody waits."""
    desk.ask("a", (0, 4), multi_line=True, answer_within_ms=20)
    desk.generation.text = "[\n    1,\n"
    await settle(0.04)
    desk.generation.finish("[\n    1,\n")
    await settle()
    assert desk.ready == []

    await settle(0.07)
    desk.scheduler.withdraw(desk.ask("b", (1, 5)))
    desk.generation.mean_logprob = -3.0
    desk.generation.finish("5")
    await settle()
    assert desk.ready == []


async def test_the_gate_is_for_automatic_requests(desk: Desk) -> None:
    """An explicit request at the same place is answered from the same result."""
    desk.ask("automatic", (0, 4))
    desk.generation.mean_logprob = -3.0
    desk.generation.finish("1")
    await settle()
    desk.ask("explicit", (0, 4), explicit=True)

    assert desk.answers == {"automatic": RejectReason.LOW_CONFIDENCE, "explicit": shown("1")}
    assert len(desk.engine.started) == 1


async def test_an_explicit_request_wants_text_where_an_automatic_one_found_none(
    desk: Desk,
) -> None:
    """It attaches to the running generation, and starts another when that says nothing."""
    desk.ask("automatic", (0, 4))
    desk.ask("explicit", (0, 4), explicit=True)
    desk.generation.finish("", FinishReason.STOP)
    await settle(0.1)
    assert len(desk.engine.started) == 2
    assert desk.generation.request.require_text
    desk.generation.finish("", FinishReason.STOP)
    await settle(0.1)

    assert desk.answers["explicit"] is RejectReason.EMPTY
    assert len(desk.engine.started) == 2


async def test_a_generation_nobody_waits_for_makes_way_for_another_document(desk: Desk) -> None:
    """The engine runs one at a time; a waiting request of the other document would be kept."""
    desk.open("z = ", "file:///b.py")
    desk.scheduler.withdraw(desk.ask("a", (0, 4)))
    first = desk.generation
    desk.ask("b", (0, 4), uri="file:///b.py")
    assert not first.runs
    second = desk.generation
    desk.ask("c", (1, 5))
    await settle(0.06)

    assert second.runs
    assert len(desk.engine.started) == 3


async def test_closing_a_document_ends_everything_about_it(desk: Desk) -> None:
    """Its generation dies, its request is answered, its results are forgotten."""
    desk.ask("a", (0, 4))
    desk.generation.finish("1")
    await settle()
    desk.ask("b", (1, 5))
    desk.scheduler.document_closed(URI)
    assert not desk.generation.runs
    assert desk.answers["b"] is RejectReason.SUPERSEDED
    await settle(0.06)
    desk.ask("c", (0, 4))

    assert "c" not in desk.answers


async def test_other_settings_make_old_results_worthless(desk: Desk) -> None:
    """They were generated under the old ones."""
    desk.ask("a", (0, 4))
    desk.generation.finish("1")
    await settle(0.06)
    desk.scheduler.settings_changed()
    desk.ask("b", (0, 4))

    assert "b" not in desk.answers
    assert len(desk.engine.started) == 2


async def test_a_failing_engine_is_an_empty_answer(desk: Desk) -> None:
    """Whether it refuses the request, fails at it, or is closed meanwhile."""
    desk.engine.refusal = EngineClosedError("closed")
    desk.ask("refused", (0, 4))
    desk.engine.refusal = None
    await settle(0.06)
    desk.ask("failed", (0, 4))
    desk.generation.future.set_exception(MixlineError("broken"))
    await settle()

    assert desk.answers == {"refused": RejectReason.FAILED, "failed": RejectReason.FAILED}


async def test_a_stopped_scheduler_says_nothing_more(desk: Desk) -> None:
    """The client has gone; work ends and no answer is attempted."""
    desk.ask("a", (0, 4), answer_within_ms=10)
    desk.scheduler.stop()
    await settle(0.03)

    assert not desk.generation.runs
    assert desk.answers == {}
    assert desk.ready == []


@pytest.fixture(autouse=True)
def _no_lost_exceptions(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A callback that raises is only logged by asyncio; here it fails the test."""
    yield
    assert [r.getMessage() for r in caplog.records if r.name == "asyncio"] == []
