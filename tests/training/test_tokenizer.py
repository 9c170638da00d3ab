"""Properties of the tokenizer that the engine relies on."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from training.corpus import Corpus
from training.errors import CheckpointError
from training.tokenizer import SPECIALS, load_plain, train


def test_markers_are_the_first_ids(tokenizer_path: Path) -> None:
    """Ids 0 to 15 are the markers, in the fixed order, all special."""
    added = json.loads(tokenizer_path.read_text())["added_tokens"]

    assert [(row["id"], row["content"], row["special"]) for row in added] == [
        (index, name, True) for index, name in enumerate(SPECIALS)
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.one_of(st.sampled_from(SPECIALS), st.text(max_size=20)), max_size=8))
def test_text_never_yields_a_marker(tokenizer_path: Path, parts: list[str]) -> None:
    """Text that looks like a marker stays text, and comes back as it was."""
    text = "".join(parts)
    plain = load_plain(tokenizer_path)

    ids = plain.encode(text, add_special_tokens=False).ids

    assert all(token >= len(SPECIALS) for token in ids)
    assert plain.decode(ids) == text


def test_newline_takes_the_indentation(tokenizer_path: Path) -> None:
    """The end of a line and the next one's indentation are one token; names stay whole."""
    plain = load_plain(tokenizer_path)

    tokens = plain.encode("x\n        return self", add_special_tokens=False).tokens

    assert tokens == ["x", "\u010a" + "\u0120" * 7, "\u0120return", "\u0120self"]


def test_vocabulary_has_the_asked_size(tokenizer_path: Path) -> None:
    """Markers and bytes count."""
    assert Tokenizer.from_file(str(tokenizer_path)).get_vocab_size() == 1024


def test_training_is_reproducible(corpus: Corpus, tokenizer_path: Path) -> None:
    """The same corpus gives the same tokenizer."""
    again = train(corpus, vocab=1024)

    assert again.to_str() == Tokenizer.from_file(str(tokenizer_path)).to_str()


@pytest.mark.parametrize("content", ["", "{}", '{"model": {"vocab": {"a": 0}}}'])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    """A file that is no tokenizer, or one with other markers, is named."""
    path = tmp_path / "tokenizer.json"
    path.write_text(content)

    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        load_plain(path)
