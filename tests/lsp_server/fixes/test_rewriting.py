"""What the model writes in place of a faulty line: few tries, each another text."""

import asyncio
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from inference import Completion, CompletionRequest, Engine, FinishReason, ModelInfo
from inference.request import EngineStatus
from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Candidate, Origin, apply
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.rewriting import rewrites

NOTHING = Completion(
    text="",
    finish_reason=FinishReason.LINE,
    tokens=0,
    prompt_tokens=0,
    cached_tokens=0,
    mean_logprob=0.0,
    min_logprob=0.0,
    token_ends=(),
    token_logprobs=(),
    drafted_tokens=0,
    ms_prefill=0.0,
    ms_decode=0.0,
)
DOCUMENT = Document.of_text(
    uri="file:///a.py", version=1, language="python", text="a = 1\r\nprint(b\r\nc = 2\r\n"
)


class _Generation:
    def __init__(self, text: str | None) -> None:
        self.future: Future[Completion] = Future()
        self.cancelled = False
        if text is not None:
            self.future.set_result(replace(NOTHING, text=text))

    def cancel(self) -> None:
        self.cancelled = True

    def snapshot(self) -> Completion:
        return NOTHING


class _Engine:
    """Writes what it is told, one text a request; then waits forever."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.requests: list[CompletionRequest] = []
        self.generations: list[_Generation] = []

    @property
    def info(self) -> ModelInfo:
        raise NotImplementedError

    def submit(self, request: CompletionRequest) -> _Generation:
        self.requests.append(request)
        generation = _Generation(self.texts.pop(0) if self.texts else None)
        self.generations.append(generation)
        return generation

    def status(self) -> EngineStatus:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def _complaint(message: str = "Undefined name `b`", code: str = "F821", row: int = 1) -> Diagnostic:
    return Diagnostic(
        start=Point(row, 6), end=Point(row, 7), code=code, message=message, source="ruff"
    )


async def _all(engine: _Engine | Engine, diagnostic: Diagnostic) -> list[Candidate]:
    return [one async for one in rewrites(engine, DOCUMENT, diagnostic, "a.py")]


def test_each_other_text_is_a_candidate() -> None:
    """Blank ones, the line as it is and texts that came before are left out."""
    engine = _Engine("print(a)", "print(b", "print(a) ")

    found = asyncio.run(_all(engine, _complaint()))

    assert [apply(DOCUMENT, one).text() for one in found] == ["a = 1\nprint(a)\nc = 2\n"]
    assert found[0].title == "Rewrite as `print(a)`"
    assert found[0].origin is Origin.MODEL


def test_prompt_is_that_of_the_fix_task() -> None:
    """The diagnostic and the faulty line, and the file with a hole in its place."""
    engine = _Engine("", "", "")

    asyncio.run(_all(engine, _complaint("Undefined\nname " + "x" * 5000)))

    request = engine.requests[0]
    assert request.fix is not None
    assert request.fix.faulty == "print(b"
    assert request.fix.diagnostic.startswith("F821 Undefined name xxx")
    assert len(request.fix.diagnostic) < 400
    assert request.prefix == "a = 1\n"
    assert request.suffix == "\nc = 2\n"


def test_line_above_a_syntax_error_is_tried_too() -> None:
    """Parsers often notice a fault one line late."""
    engine = _Engine(*[""] * 6)

    asyncio.run(_all(engine, _complaint("invalid syntax", "E999", row=2)))

    assert {request.fix.faulty for request in engine.requests if request.fix} == {
        "c = 2",
        "print(b",
    }
    assert all(r.fix and r.fix.diagnostic.startswith("invalid-syntax ") for r in engine.requests)


def test_cancelling_the_search_cancels_the_model() -> None:
    """The generation that is waited for ends with the task."""
    engine = _Engine()

    async def run() -> None:
        task = asyncio.create_task(_all(engine, _complaint()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())

    assert [generation.cancelled for generation in engine.generations] == [True]


def test_real_engine_takes_the_task(tiny_model: Path) -> None:
    """A model with random weights writes anything; a closed one nothing."""
    with Engine.open(tiny_model) as engine:
        for candidate in asyncio.run(_all(engine, _complaint())):
            assert "\n" not in candidate.changes[0].text

    assert asyncio.run(_all(engine, _complaint())) == []
