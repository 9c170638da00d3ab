"""Candidates: tokens that go on with a name, wherever the cursor stands in it."""

import numpy as np
import pytest

from inference.candidates import Candidates

NAMES = ("encode", "encoder", "decode", "Größe")


def favoured(prefix: str, text: str, tokens: list[str], rewritten: str = "") -> list[str]:
    """Return the tokens that become more likely beside one that never does."""
    spelled = [token.encode() for token in [*tokens, "zz"]]
    probabilities = np.full(len(spelled), 1 / len(spelled), dtype=np.float32)
    candidates = Candidates(NAMES, prefix, lambda token: spelled[token])
    candidates.favour(probabilities, text, rewritten.encode())

    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    return [
        token
        for token, chance in zip(tokens, probabilities, strict=False)
        if chance > 2 * probabilities[-1]
    ]


@pytest.mark.parametrize(
    ("prefix", "text", "tokens", "expected"),
    [
        ("import ", "", ["en", "encode", "enc ", "x", " dec"], ["en", "encode", " dec"]),
        ("import en", "", ["cod", "code", "coder", "coded", "x"], ["cod", "code", "coder"]),
        ("import en", "co", ["de", "der", "dex", "de,", "de\n"], ["de", "der", "de,", "de\n"]),
        ("import encode", "", ["r", "\n", ",", "s", "<|end|>"], ["r", "\n", ",", "<|end|>"]),
        ("import encode, ", "", ["dec", "encoder", "x"], ["dec", "encoder"]),
        ("import en", "code, ", ["dec", "x"], ["dec"]),
        ("import en", "code,", [" dec", " x"], [" dec"]),
        ("import Gr", "", ["ö", "o"], ["ö"]),
        ("import en", "x", ["code", "de"], []),
        ("import encode as ", "", ["e", "decode"], ["e", "decode"]),
    ],
)
def test_tokens_that_go_on_with_a_name(
    prefix: str, text: str, tokens: list[str], expected: list[str]
) -> None:
    """Up to its end, and behind a comma with the next."""
    assert favoured(prefix, text, tokens) == expected


def test_tokens_that_write_old_text_again_come_first() -> None:
    """A token that spells what was taken back, and one that spells more than it."""
    tokens = [" e", " en", " encode", " encx", " x"]

    assert favoured("import en", "", tokens, " en") == [" e", " en", " encode"]


def test_without_names_nothing_changes() -> None:
    """The usual request."""
    probabilities = np.asarray([0.25, 0.75], dtype=np.float32)
    Candidates((), "x = ", lambda _: b"a").favour(probabilities, "", b"")

    assert probabilities.tolist() == [0.25, 0.75]
