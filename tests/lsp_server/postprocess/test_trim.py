"""Trim: what nobody would see, or should, is refused with its reason."""

import pytest

from lsp_server.postprocess.reject import RejectReason
from lsp_server.postprocess.trim import trim


@pytest.mark.parametrize(
    "character",
    [
        "\0",
        "\r",
        "\x7f",
        "\x9b",
        "\u00ad",
        "\u200b",
        "\u202e",
        "\u2066",
        "\u2028",
        "\ufeff",
        "\ue000",
        "\ud800",
        "\U000e0041",
    ],
)
def test_invisible_characters_are_refused(character: str) -> None:
    """Controls, zero-width and direction marks, separators, private use, lone surrogates, tags."""
    text = f"a{character}b"

    assert trim(text, single_line=True, at_line_end=True) is RejectReason.UNPRINTABLE


@pytest.mark.parametrize("text", ["a\tb", "é = 'ß'", "x = '日本語'", "x = '👍🏽'", "e\u0301"])
def test_text_of_every_script_passes(text: str) -> None:
    """Letters, marks and symbols are visible."""
    assert trim(text, single_line=True, at_line_end=True) == text
