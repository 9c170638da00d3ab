"""A scheduler with an engine whose generations the tests write token by token."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import pytest

from inference import Completion, CompletionRequest, FinishReason, MixlineError, WorkspaceView
from lsp_server.context.around_cursor import WindowPins
from lsp_server.document import Document, Edit, Point
from lsp_server.pending import Pending
from lsp_server.postprocess.closers import hidden_closers
from lsp_server.postprocess.judge import Gate
from lsp_server.query import Outcome, Query, Ready
from lsp_server.scheduler import Scheduler
from lsp_server.syntax.guard import SyntaxGuard
from lsp_server.syntax.parsing import SyntaxTrees

URI = "file:///a.py"
METHOD = "textDocument/inlineCompletion"


class WrittenGeneration:
    """A generation whose text the test writes."""

    def __init__(self, request: CompletionRequest) -> None:
        self.request = request
        self.future: Future[Completion] = Future()
        self.text = ""
        self.mean_logprob = -0.001

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
            token_ends=tuple(range(1, len(self.text) + 1)),  # every character is a token
            token_logprobs=(self.mean_logprob,) * len(self.text),
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
    trees: SyntaxTrees = field(default_factory=SyntaxTrees)
    documents: dict[str, Document] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(
            lambda: self.engine,  # type: ignore[arg-type, return-value]
            self.ready.append,
            lambda: self.input_pending,
        )

    def open(self, text: str, uri: str = URI, language: str = "plaintext") -> None:
        self.documents[uri] = Document.of_text(uri=uri, version=1, language=language, text=text)

    def ask(self, name: str, cursor: tuple[int, int], **changes: object) -> Pending:
        uri = str(changes.pop("uri", URI))
        document = self.documents[uri]
        window = self.pins.window(document, Point(*cursor))
        closers = hidden_closers(window.suffix)
        explicit = bool(changes.pop("explicit", False))
        request = CompletionRequest(
            document=uri,
            path="a.py",
            prefix=window.prefix,
            suffix=window.suffix[len(closers) :],
            multi_line=bool(changes.pop("multi_line", False)),
            require_text=explicit,
        )
        query = Query(
            method=METHOD,
            request=request,
            references=tuple,
            workspace=WorkspaceView,
            document=document,
            cursor=Point(*cursor),
            window=window,
            closers=closers,
            explicit=explicit,
            answer_within_ms=None,
            afterlife_ms=4000,
            gate=Gate(minimum_confidence=0.4),
            syntax=SyntaxGuard(self.trees, document, Point(*cursor), "a.py"),
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

    async def settle(self, seconds: float = 0.0) -> None:
        """Let what the engine's thread handed over arrive, then wait."""
        for _ in range(3):
            await asyncio.sleep(0)
        if seconds:
            await asyncio.sleep(seconds)

    @property
    def generation(self) -> WrittenGeneration:
        return self.engine.started[-1]


@pytest.fixture
async def desk() -> Desk:
    desk = Desk(WrittenEngine())
    desk.open("x = \ny = 2\n")
    return desk


@pytest.fixture(autouse=True)
def _no_lost_exceptions(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A callback that raises is only logged by asyncio; here it fails the test."""
    yield
    assert [r.getMessage() for r in caplog.records if r.name == "asyncio"] == []
