"""A recorder, a document, and an engine whose confidence the test sets."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from inference import Completion, CompletionRequest, FinishReason, WorkspaceView
from lsp_server.context.around_cursor import WindowPins
from lsp_server.document import Document, Point
from lsp_server.history.recorder import Recorder
from lsp_server.history.records import (
    Record,
)
from lsp_server.history.writer import Learned
from lsp_server.postprocess.judge import Gate
from lsp_server.postprocess.overlap import Insertion
from lsp_server.query import Query
from lsp_server.result_cache import Result
from lsp_server.settings import Settings
from lsp_server.syntax.guard import SyntaxGuard
from lsp_server.syntax.parsing import SyntaxTrees

URI = "file:///a.py"
METHOD = "textDocument/inlineCompletion"
SALT = b"s" * 32
THRESHOLD = Settings().minimum_confidence


class Clock:
    """Time passes when the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._planned: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay: float, callback: Callable[[], None]) -> Any:
        self._planned.append((self.now_s + delay, callback))

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds
        due = [plan for plan in self._planned if plan[0] <= self.now_s]
        for plan in due:
            self._planned.remove(plan)
            plan[1]()


class Paper:
    """Takes records in place of a file."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.learned: Learned | None = None

    def start(self) -> None:
        pass

    def put(self, record: Record) -> None:
        self.records.append(record)

    def close(self) -> None:
        pass


class Desk:
    """A recorder, a document, and an engine whose confidence the test sets."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.clock = Clock()
        self.paper = Paper()
        self.recorder = Recorder(lambda: self.settings, self.clock, self.paper)  # type: ignore[arg-type]
        self.pins = WindowPins()
        self.trees = SyntaxTrees()
        self.open("x = \ny = 2\ncompute = abs\n")

    def open(self, text: str) -> None:
        self.document = Document.of_text(uri=URI, version=1, language="python", text=text)

    def query(self, line: int, column: int, **changes: Any) -> Query:
        window = self.pins.window(self.document, Point(line, column))
        query = Query(
            method=METHOD,
            request=CompletionRequest(
                document=URI, path="a.py", prefix=window.prefix, suffix=window.suffix
            ),
            references=tuple,
            workspace=WorkspaceView,
            document=self.document,
            cursor=Point(line, column),
            window=window,
            explicit=False,
            answer_within_ms=None,
            afterlife_ms=0,
            gate=Gate(minimum_confidence=THRESHOLD),
            syntax=SyntaxGuard(self.trees, self.document, Point(line, column), "a.py"),
            announce=False,
        )
        return replace(query, **changes)

    def show(
        self, line: int, column: int, text: str, *, logprob: float = -0.01, **changes: Any
    ) -> None:
        query = self.query(line, column, **changes)
        completion = Completion(
            text=text,
            finish_reason=FinishReason.LINE,
            tokens=len(text),
            prompt_tokens=1,
            cached_tokens=0,
            mean_logprob=logprob,
            min_logprob=logprob,
            token_ends=tuple(range(1, len(text) + 1)),
            token_logprobs=(logprob,) * len(text),
            drafted_tokens=1,
            ms_prefill=0.0,
            ms_decode=0.0,
        )
        result = Result(request=query.request, completion=completion, text=text)
        self.recorder.answered(query, Insertion(text=text, absorbed=0), result, 12.0)

    def edit(self, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        before = self.document
        self.document, edit = before.replace(Point(*start), Point(*end), text, before.version + 1)
        self.recorder.edited(before, self.document, edit)

    def records(self, kind: type) -> list[Any]:
        return [record for record in self.paper.records if isinstance(record, kind)]
