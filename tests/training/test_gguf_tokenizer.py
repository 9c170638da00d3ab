"""A tokenizer.json becomes llama.cpp's vocabulary, or is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from gguf import TokenType
from tokenizers import Tokenizer

from training.errors import CheckpointError
from training.gguf_tokenizer import read_vocabulary
from training.tokenizer import SPECIALS


def test_tokens_stand_at_their_ids(tokenizer_path: Path) -> None:
    """Markers are control tokens, everything else is text; merges come in order."""
    vocabulary = read_vocabulary(tokenizer_path, 1024)

    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    assert vocabulary.pre == "poro-chat"
    assert vocabulary.tokens == tuple(tokenizer.id_to_token(index) for index in range(1024))
    assert set(vocabulary.types[: len(SPECIALS)]) == {TokenType.CONTROL}
    assert set(vocabulary.types[len(SPECIALS) :]) == {TokenType.NORMAL}
    assert len(vocabulary.merges) == 1024 - 256 - len(SPECIALS)
    assert vocabulary.merges[0] == "\u0120 \u0120"
    assert vocabulary.end == 0


def test_rows_without_a_token_are_unused(tiny_tokenizer: Path) -> None:
    """An embedding may have more rows than the tokenizer has tokens."""
    vocabulary = read_vocabulary(tiny_tokenizer, 608)

    assert vocabulary.pre == "gpt-2"
    assert vocabulary.tokens[600:] == tuple(f"[PAD{index}]" for index in range(600, 608))
    assert set(vocabulary.types[600:]) == {TokenType.UNUSED}
    assert len(vocabulary.types) == 608


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pre_tokenizer": {"type": "Whitespace"}}, "found {'type': 'Whitespace'}"),
        ({"normalizer": {"type": "NFC"}}, "without normaliser"),
        ({"model": {"type": "Unigram"}}, "expected a byte-level BPE"),
        ({"added_tokens": [{"id": 1024, "content": "<|more|>"}]}, "found the id 1024"),
    ],
)
def test_other_tokenizers_are_refused(
    tokenizer_path: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """llama.cpp would cut text in another way, or find ids that the model does not have."""
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(json.loads(tokenizer_path.read_text("utf-8")) | change), "utf-8")

    with pytest.raises(CheckpointError, match=message):
        read_vocabulary(path, 1024)
