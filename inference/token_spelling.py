"""How a tokenizer.json spells bytes: byte-level BPE, or SentencePiece's BPE with byte fallback."""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from inference.errors import ModelDirectoryError

Spelling: TypeAlias = Literal["byte_level", "sentencepiece"]
SPACE: Final = "\u2581"
"""What SentencePiece writes for a space."""
_BYTE_TOKEN: Final = re.compile("<0x([0-9A-F]{2})>")
_SHOWN: Final = 60  # characters of a stranger's value that an error quotes
_KNOWN_NORMALIZERS: Final = frozenset({"Sequence", "Prepend", "Replace"})


def spelling_of(spec: Mapping[str, Any]) -> Spelling:
    """Tell how a parsed tokenizer.json spells its tokens.

    Raises:
        ModelDirectoryError: in another way than these two.
    """
    model = spec.get("model") or {}
    if model.get("type") == "BPE":
        steps = _steps(spec.get("pre_tokenizer")) + _steps(spec.get("decoder"))
        if any(step.get("type") == "ByteLevel" for step in steps):
            return "byte_level"
        if model.get("byte_fallback") is True and _only_spaces_change(spec):
            return "sentencepiece"
    raise ModelDirectoryError(
        "expected a byte-level BPE tokenizer in tokenizer.json, or a BPE of SentencePiece with"
        f" byte_fallback, found {repr(model.get('type'))[:_SHOWN]}; models with another tokenizer"
        " are not supported"
    )


def continuing(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a SentencePiece tokenizer that change text, without their first space.

    SentencePiece puts a space before each text. What we encode are parts of a prompt, in the
    middle of which that space would be one too many.
    """
    pre_tokenizer = spec.get("pre_tokenizer")
    if pre_tokenizer is None:
        space = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
        return {"normalizer": space, "pre_tokenizer": None, "decoder": None}
    never = {"prepend_scheme": "never", "add_prefix_space": False}
    return {"normalizer": None, "pre_tokenizer": pre_tokenizer | never, "decoder": None}


def token_bytes(
    spelling: Spelling, vocab: Mapping[str, int], added: Mapping[int, str], size: int
) -> list[bytes]:
    """Return the bytes of every token, none for an id that has no token.

    Args:
        spelling: of the tokenizer.
        vocab: its tokens but the added ones.
        added: the texts of the added ones.
        size: one more than the largest id.

    Raises:
        ModelDirectoryError: a token is spelled in another way, or SentencePiece lacks a byte.
    """
    byte_of = _byte_of_character()
    table = [b""] * size
    for text, token in vocab.items():
        if spelling == "sentencepiece":
            byte = _BYTE_TOKEN.fullmatch(text)
            table[token] = bytes([int(byte[1], 16)]) if byte else _plain_bytes(text)
            continue
        try:
            table[token] = bytes(map(byte_of.__getitem__, text))
        except KeyError as error:
            raise ModelDirectoryError(
                "expected byte-level characters in tokenizer.json,"
                f" token {token} is {text[:_SHOWN]!r}"
            ) from error
    if spelling == "sentencepiece":
        missing = [byte for byte in range(256) if byte_token(byte) not in vocab]
        if missing:
            raise ModelDirectoryError(
                "expected a token for each byte in tokenizer.json, found none for"
                f" {byte_token(missing[0])}; with byte_fallback all 256 are needed"
            )
    for token, text in added.items():
        table[token] = text.encode("utf-8", "replace")
    return table


def byte_token(byte: int) -> str:
    """Return how SentencePiece spells a single byte."""
    return f"<0x{byte:02X}>"


def _plain_bytes(text: str) -> bytes:
    return text.replace(SPACE, " ").encode("utf-8", "replace")


def _only_spaces_change(spec: Mapping[str, Any]) -> bool:
    """Tell whether nothing but spaces is written differently before the merges."""
    normalizers = _steps(spec.get("normalizer"))
    pre_tokenizer = spec.get("pre_tokenizer")
    if any(step.get("type") not in _KNOWN_NORMALIZERS for step in normalizers):
        return False
    if any(
        step.get("type") == "Replace"
        and (step.get("pattern"), step.get("content")) != ({"String": " "}, SPACE)
        for step in normalizers
    ):
        return False
    if pre_tokenizer is None:
        return any(step.get("type") == "Replace" for step in normalizers)
    return isinstance(pre_tokenizer, dict) and (
        (pre_tokenizer.get("type"), pre_tokenizer.get("replacement")) == ("Metaspace", SPACE)
    )


def _steps(part: object) -> list[Mapping[str, Any]]:
    """Return a part of the pipeline and all that is nested in it."""
    found: list[Mapping[str, Any]] = []
    waiting = [part]
    while waiting:
        step = waiting.pop()
        if isinstance(step, dict):
            found.append(step)
            for key in ("pretokenizers", "decoders", "normalizers"):
                waiting += step.get(key, [])
    return found


def _byte_of_character() -> dict[str, int]:
    """Return the inverse of byte-level BPE's alphabet.

    Visible Latin-1 characters stand for themselves, the other 68 bytes, in order, for U+0100 on
    (the alphabet of GPT-2's vocabulary files).
    """
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in set(visible)]
    return {chr(byte): byte for byte in visible} | {
        chr(0x100 + rank): byte for rank, byte in enumerate(hidden)
    }
