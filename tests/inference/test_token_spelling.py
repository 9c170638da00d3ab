"""Tokenizers of SentencePiece with byte fallback, as Llama's and Mistral's are."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as BpeTokenizer

from inference import CompletionRequest, Engine
from inference.errors import ModelDirectoryError
from inference.manifest import read_manifest
from inference.token_spelling import SPACE
from inference.tokenizer import Tokenizer
from onnx_export.random_checkpoint import make_random_model

Spec = dict[str, Any]
BEGIN = 1
NEVER = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "first", "split": False}


@pytest.fixture
def spec(make_spec: Callable[[str], Spec]) -> Spec:
    """Return a tokenizer.json as Mixtral's is written."""
    return make_spec("sentencepiece")


@pytest.fixture
def spec_as_converted_now(spec: Spec) -> Spec:
    """Return the same as transformers 5 would write it."""
    return spec | {"normalizer": None, "pre_tokenizer": NEVER}


def test_ids_are_the_library_s_less_the_first_space(spec: Spec) -> None:
    """The library puts a space before each text; a part of a prompt has none."""
    plain = BpeTokenizer.from_str(json.dumps(spec | {"added_tokens": [], "post_processor": None}))
    tokenizer = Tokenizer(spec)
    text = "    for value in names:\n        total.append(value)\n"

    assert tokenizer.encode(" " + text) == plain.encode(text).ids
    assert tokenizer.token_bytes(tokenizer.encode(" value")[0]).startswith(b" ")
    assert not tokenizer.token_bytes(tokenizer.encode("value")[0]).startswith(b" ")


@pytest.mark.parametrize("way", ["spec", "spec_as_converted_now"])
def test_every_text_comes_back(way: str, request: pytest.FixtureRequest) -> None:
    """Also with characters that have no token, and with the sign that stands for a space."""
    tokenizer = Tokenizer(request.getfixturevalue(way))

    @settings(max_examples=200, suppress_health_check=list(HealthCheck))
    @given(
        st.text(st.sampled_from("ab \n\t\r_(<0x>" + SPACE + "\u00e9\u4e2d\U0001f60b"), max_size=30)
    )
    def check(text: str) -> None:
        assert tokenizer.decode(tokenizer.encode(text)) == text

    check()


def test_both_ways_to_write_it_are_one(spec: Spec, spec_as_converted_now: Spec) -> None:
    """A normalizer that replaces spaces, or a pre-tokenizer that does."""
    text = "def total(values):\n    return values[0]\n"

    assert Tokenizer(spec).encode(text) == Tokenizer(spec_as_converted_now).encode(text)


def test_ends_of_text_stay_text(spec: Spec) -> None:
    """A document that spells them has no token of theirs, nor one of a single byte."""
    tokenizer = Tokenizer(spec)
    ids = tokenizer.encode("<s></s><0x41>")

    assert not set(ids) & {0, 1, 2, 3 + 0x41}
    assert tokenizer.decode(ids) == "<s></s><0x41>"


@pytest.mark.parametrize(
    "change",
    [
        {"normalizer": {"type": "NFKC"}},
        {"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "b"}},
        {"normalizer": None},
        {"pre_tokenizer": {"type": "Whitespace"}},
        {"pre_tokenizer": NEVER | {"replacement": "_"}},
    ],
)
def test_what_would_change_texts_is_refused(spec: Spec, change: Spec) -> None:
    """Only spaces may be written differently."""
    with pytest.raises(ModelDirectoryError, match="BPE of SentencePiece with byte_fallback"):
        Tokenizer(spec | change)


def test_byte_fallback_needs_every_byte(spec: Spec) -> None:
    """A character without a token would vanish."""
    no_fallback = spec | {"model": spec["model"] | {"byte_fallback": False}}
    with pytest.raises(ModelDirectoryError, match="byte_fallback"):
        Tokenizer(no_fallback)
    del spec["model"]["vocab"]["<0xE2>"]
    with pytest.raises(ModelDirectoryError, match="found none for <0xE2>"):
        Tokenizer(spec)


def test_a_mixtral_model_completes(
    spec: Spec, tmp_path: Path, make_request: Callable[..., CompletionRequest]
) -> None:
    """Exported with such a tokenizer, whose first token stands before every prompt."""
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec), "utf-8")
    config = {
        "model_type": "mixtral",
        "vocab_size": 800,
        "hidden_size": 64,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
    }
    out = tmp_path / "mixtral"
    make_random_model(out, config, tmp_path / "tokenizer.json", weights="int8")

    with Engine.open(out) as engine:
        request = make_request("def total(values):\n    return", max_tokens=4)

        assert engine.submit(request).future.result().prompt_tokens > len("def total")
    assert read_manifest(out / "manifest.json").begin_id == BEGIN
