"""Options behind one prompt: as likely as each would be alone; the prompt is computed once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from inference import CompletionRequest, Engine, EngineConfig, FinishReason
from inference.cancel import CancelToken
from inference.loading import load
from inference.scoring import Scorer

MakeRequest = Callable[..., CompletionRequest]
OPTIONS = ("total += item\n", "total", "x", "return items[0]\n    # end\n")


def test_options_cost_what_each_costs_alone(model: Path, make_request: MakeRequest) -> None:
    """Shared keys and values change nothing, whatever the order of the options."""
    generator, _ = load(model, EngineConfig(), lambda *_: None)
    scorer = Scorer.open(model, threads=1)
    request = make_request(options=OPTIONS)
    prompt = generator.prompts.build(request)

    found = generator.generate(request, CancelToken(), lambda _: None)

    for option, nats in zip(OPTIONS, found.option_nats, strict=True):
        ids = generator.tokenizer.encode(option)
        assert nats == pytest.approx(scorer.nats([*prompt, *ids], len(prompt)), rel=1e-3)
    assert found.text == ""
    assert found.finish_reason is FinishReason.STOP


def test_second_question_finds_the_prompt(engine: Engine, make_request: MakeRequest) -> None:
    """Asked again with other options, only the prompt's last token is run."""
    first = engine.submit(make_request(options=OPTIONS)).future.result(60)
    again = engine.submit(make_request(options=OPTIONS[::-1])).future.result(60)

    assert again.cached_tokens == again.prompt_tokens - 1
    assert again.option_nats == pytest.approx(first.option_nats[::-1], rel=1e-3)


def test_cancelled_question_has_no_answer(model: Path, make_request: MakeRequest) -> None:
    """It stops before the next option, and the prompt stays in the cache."""
    generator, _ = load(model, EngineConfig(), lambda *_: None)
    cancel = CancelToken()

    found = generator.generate(make_request(options=OPTIONS), cancel, lambda _: cancel.cancel())

    assert found.option_nats == ()
    assert found.finish_reason is FinishReason.CANCELLED


def test_option_longer_than_the_context_is_cut(
    make_model: Callable[..., Path], make_request: MakeRequest
) -> None:
    """An endless line is scored as far as it fits, or refused by the engine's own error."""
    generator, _ = load(make_model(context=256), EngineConfig(), lambda *_: None)
    request = make_request(options=("x = 1\n" * 1000,))

    found = generator.generate(request, CancelToken(), lambda _: None)

    assert found.option_nats[0] > 0
