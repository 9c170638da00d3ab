"""The end of the prefix is taken back, and what comes in its place must spell it first."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inference import CompletionRequest, Engine, EngineConfig, default_model
from inference.healing import TAKEN_BACK, Healer, Rewriting
from inference.tokenizer import Tokenizer

TEXTS = ("self.app ", "Tru", "    ", "x = compute(", "a", "é", "😋", "if a:\n        ")


@pytest.fixture(scope="module")
def tokenizer(tiny_tokenizer: Path) -> Tokenizer:
    """Return a real byte-level tokenizer of 600 tokens."""
    return Tokenizer.open(tiny_tokenizer)


@pytest.fixture(scope="module")
def healer(tokenizer: Tokenizer) -> Healer:
    """Return a healer whose model has a few tokens more than its tokenizer."""
    return Healer(tokenizer, size=tokenizer.size + 8)


def allowed(healer: Healer, left: bytes, *, text: bool = False, lines: bool = True) -> set[int]:
    """Return the ids that a mask lets through."""
    mask = healer.mask(left, require_text=text, multi_line=lines)
    return {int(token) for token in np.flatnonzero(np.isfinite(mask))}


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_taken_back_is_the_end_of_the_prompt(
    healer: Healer, tokenizer: Tokenizer, text: str
) -> None:
    """Kept and taken together are the prompt; at least one token stays."""
    prompt = tokenizer.encode("def f(b):\n" + text)
    kept, taken = healer.take_back(prompt, "def f(b):\n" + text)

    assert 1 <= len(prompt) - len(kept) <= TAKEN_BACK
    assert kept == prompt[: len(kept)]
    assert b"".join(map(tokenizer.token_bytes, [*kept])) + taken == ("def f(b):\n" + text).encode()


def test_only_the_prefix_is_taken_back(healer: Healer, tokenizer: Tokenizer) -> None:
    """Neither a header's text nor a marker nor the only token there is."""
    header = tokenizer.encode("path.py\n")
    marker = min(tokenizer.added)

    assert healer.take_back(header, "") == (header, b"")
    assert healer.take_back([*header, marker], "text") == ([*header, marker], b"")
    assert healer.take_back(header[:1], "path.py\n") == (header[:1], b"")


@pytest.mark.parametrize("left", [b"se", b" ", b"\n    ", b"self.a", "é".encode()[:1]])
def test_mask_lets_through_what_spells_the_bytes(
    healer: Healer, tokenizer: Tokenizer, left: bytes
) -> None:
    """Exactly the tokens that `left` begins with, or that begin with it."""
    expected = {
        token
        for token in range(tokenizer.size)
        if token not in tokenizer.added
        and (spelled := tokenizer.token_bytes(token))
        and (spelled.startswith(left) or left.startswith(spelled))
    }

    assert allowed(healer, left) == expected
    assert expected


def test_required_text_may_be_indented(healer: Healer, tokenizer: Tokenizer) -> None:
    """Behind a line break an indentation may come; on one line no other line break before text."""
    free = {tokenizer.token_bytes(token) for token in allowed(healer, b"\n")}
    several = {tokenizer.token_bytes(token) for token in allowed(healer, b"\n", text=True)}
    one_line = {
        tokenizer.token_bytes(token) for token in allowed(healer, b"\n", text=True, lines=False)
    }

    assert b"\n    " in one_line
    assert b"\n\n" in free  # there are such tokens
    assert several == free
    assert one_line == {token for token in free if not re.match(rb"\n\s*?\n", token)}


def test_leading_tokens_write_the_rest_and_then_some_of_the_text(
    healer: Healer, tokenizer: Tokenizer
) -> None:
    """Exactly those whose bytes go beyond the rest and lie along the text, also without a rest."""
    long = max((tokenizer.token_bytes(token) for token in range(tokenizer.size)), key=len)
    for rest, text in [(long[:1], long[1:].decode() + "x"), (b"", long.decode()), (b"x", "")]:
        whole = rest + text.encode()
        expected = {
            token
            for token in range(tokenizer.size)
            if token not in tokenizer.added
            and len(spelled := tokenizer.token_bytes(token)) > len(rest)
            and whole.startswith(spelled)
        }
        assert set(Rewriting(healer, rest).leading(text)) == expected
        assert bool(expected) == bool(text)  # the long one at least


def test_rewriting_hands_out_what_is_new(healer: Healer) -> None:
    """Old bytes are swallowed, the rest of a token that goes on is not."""
    rewriting = Rewriting(healer, b"self.a")

    assert rewriting.consume(b"self") == b""
    assert rewriting.text == ".a"
    assert rewriting.consume(b".app") == b"pp"
    assert rewriting.left == b""
    assert rewriting.consume(b"end") == b"end"


def test_completions_go_on_behind_the_cursor(
    model: Path, make_request: Callable[..., CompletionRequest]
) -> None:
    """At every character of a known line the rest comes, nothing of the prefix a second time."""
    line = "quagmire = fetch_wombats(zoo, key)\n"
    with Engine.open(model, EngineConfig(search_ms=0)) as engine:
        for end in range(8, len(line) - 1):
            request = make_request(
                line * 3 + line[:end],
                suffix="",
                multi_line=False,
                max_tokens=40,
                workspace_expert=True,
            )
            completion = engine.submit(request).future.result(60)

            assert completion.text == line[end:].rstrip("\n")


def test_an_explicit_request_keeps_the_indentation_of_a_whole_line(
    make_request: Callable[..., CompletionRequest],
) -> None:
    """At a line's first column the line comes with the blanks that it begins with."""
    block = "def herd(zoo):\n    quagmire = fetch_wombats(zoo)\n"
    request = make_request(
        block * 3 + "def herd(zoo):\n",
        suffix="",
        multi_line=False,
        max_tokens=40,
        require_text=True,
    )
    with Engine.open(default_model()) as engine:
        completion = engine.submit(request).future.result(60)

    assert completion.text == "    quagmire = fetch_wombats(zoo)"
