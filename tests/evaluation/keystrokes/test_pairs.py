"""Brackets and quotes that an editor closes by itself."""

import pytest

from evaluation.keystrokes.pairs import closing_pairs


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("f(a[1])", {1: 6, 3: 5}),
        ("f('(')", {1: 5, 2: 4}),
        ("x = (1", {}),
        ("# f(x)\ng(y)", {8: 10}),
        ('"""a (b)"""', {}),
        ("'a\\'b'", {0: 5}),
        ("'open\n(a)", {6: 8}),
        ("(]", {}),
    ],
)
def test_pairs(text: str, pairs: dict[int, int]) -> None:
    """Strings and comments are skipped, the quotes of a short string are a pair."""
    assert closing_pairs(text) == pairs
