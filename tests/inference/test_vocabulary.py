"""Which tokens may be emitted."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from inference.errors import ModelDirectoryError
from inference.tokenizer import Tokenizer
from inference.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    """Return the masks of a model whose head is padded."""
    return Vocabulary(tokenizer, size=tokenizer.size + 28, stop_ids=frozenset({0}))


def allowed(mask: np.ndarray) -> set[int]:
    """Return the tokens that a mask lets through; the others are minus infinity."""
    assert set(np.unique(mask)) <= {0.0, -np.inf}
    return set(np.flatnonzero(mask == 0.0).tolist())


def test_markers_and_padding_are_never_emitted(
    vocabulary: Vocabulary, tokenizer: Tokenizer
) -> None:
    """Only text tokens and the stop id are open."""
    mask = vocabulary.mask("", num_tokens=0, require_text=False, multi_line=False)

    assert mask.shape == (tokenizer.size + 28,)
    assert allowed(mask) == {0} | set(range(9, tokenizer.size))


@pytest.mark.parametrize("multi_line", [False, True])
def test_required_text_begins_before_it_ends(
    vocabulary: Vocabulary, tokenizer: Tokenizer, *, multi_line: bool
) -> None:
    """No stop at first; on one line no line break either; after a while a visible character."""
    first = allowed(vocabulary.mask("", num_tokens=0, require_text=True, multi_line=multi_line))
    late = allowed(vocabulary.mask("  ", num_tokens=4, require_text=True, multi_line=multi_line))
    done = allowed(vocabulary.mask(" x", num_tokens=5, require_text=True, multi_line=multi_line))
    texts = {token: tokenizer.token_bytes(token) for token in range(9, tokenizer.size)}

    assert 0 not in first | late
    assert all(texts[token].strip() for token in late)
    starts_line = {token for token, text in texts.items() if text.startswith(b"\n")}
    assert starts_line
    assert bool(starts_line & first) == multi_line
    assert 0 in done
    assert starts_line <= done


def test_blank_added_tokens_are_text(make_spec: Callable[[str], dict[str, Any]]) -> None:
    """Some vocabularies keep runs of blanks among the added tokens; others stay closed."""
    spec = make_spec("mixline")
    spec["added_tokens"] += [
        {"id": 800, "content": "    ", "special": False},
        {"id": 801, "content": "<tool>", "special": False},
    ]

    mask = Vocabulary(Tokenizer(spec), size=802, stop_ids=frozenset()).mask(
        "", num_tokens=0, require_text=False, multi_line=False
    )

    assert 800 in allowed(mask)
    assert 801 not in allowed(mask)


def test_contradictions_are_refused(tokenizer: Tokenizer) -> None:
    """More tokens than the head has rows, or a stop id beyond it."""
    with pytest.raises(ModelDirectoryError, match="vocabulary"):
        Vocabulary(tokenizer, size=tokenizer.size - 1, stop_ids=frozenset())
    with pytest.raises(ModelDirectoryError, match="stop_ids"):
        Vocabulary(tokenizer, size=tokenizer.size, stop_ids=frozenset({tokenizer.size}))
