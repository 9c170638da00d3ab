"""Prompts read before anybody asks: in the cache, in nobody's way, read to their end."""

from dataclasses import replace
from pathlib import Path

import pytest

from inference import Engine, EngineConfig, FinishReason, Priority
from tests.inference.engine_runs import TIMEOUT_S, Gate, MakeRequest, complete, what


def test_a_prompt_read_ahead_is_in_the_cache(engine: Engine, make_request: MakeRequest) -> None:
    """Nothing is written, no generation is counted; the request itself runs one token."""
    request = make_request("def add(a, b):\n    return a", suffix="\n\nx = 1\n")
    before = engine.status()
    read = complete(engine, replace(request, prefill_only=True, priority=Priority.BACKGROUND))
    after = engine.status()
    again = complete(engine, replace(request, prefill_only=True, priority=Priority.BACKGROUND))
    real = complete(engine, request)

    assert what(read) == ("", FinishReason.LENGTH, 0)
    assert after.generations == before.generations
    assert after.read_ahead_tokens == before.read_ahead_tokens + read.prompt_tokens
    assert again.cached_tokens == read.prompt_tokens - 1
    assert engine.status().read_ahead_tokens == after.read_ahead_tokens
    assert real.cached_tokens == real.prompt_tokens - 1
    assert real.prompt_tokens == read.prompt_tokens


def test_reading_ahead_stands_aside(
    model: Path, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a request of somebody who waits, within a chunk; then it goes on, and is counted once."""
    with Engine.open(model, EngineConfig(prefill_chunk_tokens=16)) as engine:
        gate = Gate(engine, monkeypatch)
        request = make_request("x = 1\n" * 100)
        ahead = engine.submit(replace(request, prefill_only=True, priority=Priority.BACKGROUND))
        assert gate.reached.wait(TIMEOUT_S)
        real = engine.submit(replace(make_request("y = 2\n"), document="file:///other.py"))
        gate.open.set()
        first = real.future.result(TIMEOUT_S)
        read = ahead.future.result(TIMEOUT_S)

        assert first.finish_reason is not FinishReason.CANCELLED
        assert read.finish_reason is FinishReason.LENGTH
        assert 0 < read.cached_tokens < read.prompt_tokens - 1
        assert engine.status().read_ahead_tokens == read.prompt_tokens
        assert complete(engine, request).cached_tokens == read.prompt_tokens - 1


def test_other_work_in_the_background_waits_for_reading_ahead(
    model: Path, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it either, so the prompt is read to its end first."""
    with Engine.open(model, EngineConfig(prefill_chunk_tokens=16)) as engine:
        gate = Gate(engine, monkeypatch)
        request = replace(make_request("x = 1\n" * 100), priority=Priority.BACKGROUND)
        ahead = engine.submit(replace(request, prefill_only=True))
        assert gate.reached.wait(TIMEOUT_S)
        other = engine.submit(request)
        gate.open.set()

        assert ahead.future.result(TIMEOUT_S).cached_tokens == 0
        assert (
            other.future.result(TIMEOUT_S).cached_tokens == ahead.future.result().prompt_tokens - 1
        )
