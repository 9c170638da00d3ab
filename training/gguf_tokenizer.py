"""A tokenizer.json as llama.cpp's vocabulary: byte-level BPE with merges, markers apart."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gguf import TokenType

from training.errors import CheckpointError
from training.tokenizer import LLAMA_CPP_PRE, SPLIT_PATTERN

END: Final = "<|endoftext|>"
_BYTE_LEVEL: Final = {"type": "ByteLevel", "add_prefix_space": False}
# How tokenizer.json says it, and what llama.cpp calls it; fields that cut nothing are left out.
_PRE_TOKENIZERS: Final[tuple[tuple[Any, str], ...]] = (
    (
        [
            {"type": "Split", "pattern": {"Regex": SPLIT_PATTERN}, "behavior": "Isolated"},
            _BYTE_LEVEL | {"use_regex": False},
        ],
        LLAMA_CPP_PRE,
    ),
    ([_BYTE_LEVEL | {"use_regex": True}], "gpt-2"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufVocabulary:
    """What llama.cpp wants to know about a tokenizer."""

    pre: str
    """llama.cpp's name of the pattern that cuts text before merging."""
    tokens: tuple[str, ...]
    """One for each row of the embedding, in the byte alphabet of GPT-2."""
    types: tuple[TokenType, ...]
    merges: tuple[str, ...]
    """Two tokens with a space between, the first to be applied first."""
    end: int | None
    """Id of the token that ends a text."""


def read_vocabulary(path: Path, vocab: int) -> GgufVocabulary:
    """Read a tokenizer.json for a model of ``vocab`` embedding rows.

    Added tokens become control tokens, which llama.cpp never finds in plain text; rows without a
    token become unused ones.

    Raises:
        CheckpointError: no byte-level BPE, a token outside the embedding, or a pattern that
            llama.cpp does not have.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
        model, added = data["model"], {row["content"]: row["id"] for row in data["added_tokens"]}
        ids: dict[str, int] = model["vocab"] | added
        merges = tuple(
            pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]
        )
        pre = _pre_tokenizer(data["pre_tokenizer"])
        is_plain = model["type"] == "BPE" and not data["normalizer"] and not model["ignore_merges"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"{path}: expected a byte-level BPE tokenizer.json, found: {error!r}"
        ) from error
    if pre is None or not is_plain:
        raise CheckpointError(
            f"{path}: expected byte-level BPE without normaliser that cuts text with the pattern of"
            f" `python -m training tokenizer` or of GPT-2, found {data['pre_tokenizer']}; other"
            " tokenizers need llama.cpp's own converter"
        )
    tokens = {index: token for token, index in ids.items()}
    if max(tokens) >= vocab:
        raise CheckpointError(
            f"{path}: expected at most {vocab} tokens, found the id {max(tokens)}; is this the"
            " tokenizer of another model?"
        )
    control = set(added.values())
    types = (
        TokenType.CONTROL
        if index in control
        else TokenType.NORMAL
        if index in tokens
        else TokenType.UNUSED
        for index in range(vocab)
    )
    return GgufVocabulary(
        pre=pre,
        tokens=tuple(tokens.get(index, f"[PAD{index}]") for index in range(vocab)),
        types=tuple(types),
        merges=merges,
        end=added.get(END),
    )


def _pre_tokenizer(found: dict[str, Any]) -> str | None:
    parts = found["pretokenizers"] if found["type"] == "Sequence" else [found]
    plain = [
        {
            key: value
            for key, value in part.items()
            if key != "trim_offsets" and (key, value) != ("invert", False)
        }
        for part in parts
    ]
    return next((name for known, name in _PRE_TOKENIZERS if plain == known), None)
