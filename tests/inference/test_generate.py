"""Generations with a real tiny model: text, caching, sampling, counts, the workspace expert."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from inference import (
    Completion,
    CompletionRequest,
    Engine,
    EngineConfig,
    FinishReason,
    Reference,
    Sampling,
    candidates,
)

MakeRequest = Callable[..., CompletionRequest]
TIMEOUT_S = 60


def complete(engine: Engine, request: CompletionRequest) -> Completion:
    """Run one request to its end."""
    return engine.submit(request).future.result(TIMEOUT_S)


def what(completion: Completion) -> tuple[str, FinishReason | None, int]:
    """Return what does not depend on time or cache."""
    return completion.text, completion.finish_reason, completion.tokens


def test_cached_prompt_gives_the_same_text(model: Path, make_request: MakeRequest) -> None:
    """Greedy text is the same cold, rewound, and after other documents; the cache is used."""
    prefix = "def total(items):\n    result = 0\n    for item in items:\n        result += it"
    requests = [make_request(prefix[:end]) for end in range(len(prefix) - 12, len(prefix))]
    with Engine.open(model) as engine:
        warm = [complete(engine, request) for request in requests]
        complete(engine, make_request("other", document="file:///b.py"))
        again = complete(engine, requests[-1])
    for request, completion in zip(requests, warm, strict=True):
        with Engine.open(model) as engine:
            assert what(complete(engine, request)) == what(completion)

    assert warm[0].cached_tokens == 0
    assert all(c.cached_tokens >= c.prompt_tokens - 8 for c in warm[1:])
    assert what(again) == what(warm[-1])
    assert again.cached_tokens == again.prompt_tokens - 1


def test_chunk_size_does_not_change_the_text(model: Path, make_request: MakeRequest) -> None:
    """Prefill in chunks of 1, 7 and all at once."""
    request = make_request("value = compute(1)\n" * 20)
    results = set()
    for chunk in (1, 7, 4096):
        with Engine.open(model, EngineConfig(prefill_chunk_tokens=chunk)) as engine:
            results.add(what(complete(engine, request)))

    assert len(results) == 1


def test_seed_decides_the_sample(engine: Engine, make_request: MakeRequest) -> None:
    """The same seed gives the same text, cached or not; among ten seeds texts differ."""

    def text(seed: int) -> str:
        sampling = Sampling(temperature=1.0, top_p=0.95, seed=seed)
        return complete(engine, make_request(sampling=sampling)).text

    texts = [text(seed) for seed in range(10)]

    assert len(set(texts)) > 1
    assert [text(seed) for seed in range(10)] == texts


def test_log_probabilities_are_those_of_the_tokens(
    engine: Engine, make_request: MakeRequest
) -> None:
    """Mean and minimum agree with a greedy run of one token after the other."""
    three = complete(engine, make_request(max_tokens=3))
    one = complete(engine, make_request(max_tokens=1))

    assert three.tokens == 3
    assert one.mean_logprob == one.min_logprob < 0
    assert three.min_logprob <= three.mean_logprob < 0
    assert three.min_logprob <= one.min_logprob + 1e-4


def test_max_tokens_is_kept(engine: Engine, make_request: MakeRequest) -> None:
    """And counted in the status."""
    completion = complete(engine, make_request(max_tokens=5))

    assert (completion.tokens, completion.finish_reason) == (5, FinishReason.LENGTH)
    status = engine.status()
    assert (status.generations, status.generated_tokens) == (1, 5)
    # The last token is never run; those that write the end of the prefix again come on top.
    assert status.kv_tokens >= completion.prompt_tokens + 4
    assert not status.busy


def test_context_ends_the_generation(make_model: Callable[..., Path]) -> None:
    """A small model stops where its context is full, and stays usable."""
    with Engine.open(make_model(context=64)) as engine:
        request = CompletionRequest(
            document="a",
            path="",
            prefix="a b c d e f g " * 40,
            suffix="",
            max_tokens=1000,
            multi_line=True,
            workspace_expert=False,
            sampling=Sampling(temperature=1.0),
        )
        completions = [
            complete(engine, replace(request, sampling=Sampling(temperature=1.0, seed=seed)))
            for seed in range(12)
        ]

        full = [c for c in completions if c.finish_reason is FinishReason.CONTEXT]
        assert full
        # Tokens that only write the end of the prefix again take positions, too.
        assert all(c.prompt_tokens < c.prompt_tokens + c.tokens <= 65 for c in full)
        assert engine.status().kv_tokens <= 64


def test_required_text_comes(engine: Engine, make_request: MakeRequest) -> None:
    """Asked explicitly, the answer has a visible character, on one line and on several."""
    for seed in range(15):
        for multi_line in (False, True):
            request = make_request(
                multi_line=multi_line,
                require_text=True,
                max_tokens=8,
                sampling=Sampling(temperature=1.0, seed=seed),
            )
            assert complete(engine, request).text.strip()


def test_markers_are_never_generated(engine: Engine, make_request: MakeRequest) -> None:
    """However the tokens are drawn, no marker's text comes out."""
    for seed in range(10):
        request = make_request(max_tokens=64, sampling=Sampling(temperature=1.0, seed=seed))
        assert "<|" not in complete(engine, request).text


def test_workspace_expert_writes_what_is_open(engine: Engine, make_request: MakeRequest) -> None:
    """A weak network and an open file that says how the line goes on."""
    line = "connection = open_connection(host, port, timeout=30)\n"
    request = make_request(
        "connection = open_con",
        suffix="",
        multi_line=False,
        max_tokens=40,
        workspace_expert=True,
        references=(
            Reference(key="b", version=1, text=line * 3),
            Reference(key="c", version=1, text=line),
        ),
    )
    completion = complete(engine, request)
    alone = complete(engine, replace(request, workspace_expert=False))

    assert completion.text == "nection(host, port, timeout=30)"
    assert completion.finish_reason is FinishReason.LINE
    assert completion.drafted_tokens == completion.tokens
    assert alone.text != completion.text
    assert alone.drafted_tokens == 0


@pytest.mark.parametrize("workspace_expert", [False, True])
def test_what_it_must_be_unlike_is_not_begun(
    engine: Engine, make_request: MakeRequest, workspace_expert: bool
) -> None:
    """Each next one leaves the others with its first character or token, quoted ones too."""
    line = "connection = open_connection(host, port, timeout=30)\n"
    request = make_request(
        line * 3 + "connection = open_con",
        suffix="",
        multi_line=False,
        require_text=True,
        workspace_expert=workspace_expert,
    )
    texts: list[str] = []
    for _ in range(6):
        completion = complete(engine, replace(request, unlike=tuple(texts)))
        first = completion.text[: completion.token_ends[0]]
        # Of half a character nothing is seen yet.
        assert not first or not any(text.startswith(first) for text in texts)
        texts.append(completion.text)

    assert len(set(texts)) > 1
    assert (texts[0] == "nection(host, port, timeout=30)") == workspace_expert


def test_where_nothing_else_is_possible_it_is_alike(
    engine: Engine, make_request: MakeRequest
) -> None:
    """Every token that may come is forbidden: the rule gives way."""
    every = tuple(map(chr, range(0x20, 0x7F)))
    texts = (*every, *(complete(engine, make_request(require_text=True)).text,))

    assert complete(engine, make_request(require_text=True, unlike=texts)).tokens > 0


def test_any_text_is_survived(engine: Engine, make_request: MakeRequest) -> None:
    """Half characters, zeros, marker texts, nothing at all."""
    for text in ("", "\x00", "\ud83d", "😋" * 50, "<|fim_middle|>" * 9, "a" * 20_000, "\r\n" * 99):
        completion = complete(engine, make_request(text, suffix=text, path=text, max_tokens=3))
        assert 1 <= completion.prompt_tokens <= engine.info.prompt_tokens


def test_candidates_are_written_if_they_count_enough(
    engine: Engine, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random weights prefer other names; the one that may come next outweighs them."""
    monkeypatch.setattr(candidates, "_FACTOR", 1e6)
    monkeypatch.setattr(candidates, "_LOOKED_AT", 1 << 20)
    request = make_request("from a import ze")
    plain = complete(engine, request)
    told = complete(engine, replace(request, candidates=("zebra", "other")))

    assert not plain.text.startswith("bra")
    assert told.text.startswith("bra")
