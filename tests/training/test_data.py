"""Rows of tokens: pure functions of the seed and the row's number."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from training.corpus import Corpus
from training.data import MixConfig, Rows, whole_lines
from training.tokenizer import ENDOFTEXT, FIM_MIDDLE, FIM_SUFFIX, PAD, load_plain

CODE = MixConfig(docstring=0, fix=0, fim=1, spm=0.7, header=0.7, snippet=0.5)
PLAIN = MixConfig(docstring=0, fix=0, fim=0, spm=0.7, header=0, snippet=0)
DOCS = MixConfig(docstring=1, fix=0, fim=0, spm=0.7, header=0, snippet=0)


def rows(corpus: Corpus, tokenizer_path: Path, mix: MixConfig, seed: int = 1) -> Rows:
    """Rows of 256 tokens."""
    return Rows(corpus, load_plain(tokenizer_path), mix, context=256, seed=seed)


def test_row_depends_on_its_number_alone(corpus: Corpus, tokenizer_path: Path) -> None:
    """In whatever order rows are asked for, also by another process, they are the same."""
    forward = [rows(corpus, tokenizer_path, CODE).row(number) for number in (0, 1, 2, 3)]
    one = rows(corpus, tokenizer_path, CODE)
    backward = [one.row(number) for number in (3, 2, 1, 0)][::-1]

    assert all(np.array_equal(a, b) for a, b in zip(forward, backward, strict=True))


def test_batches_go_on_where_they_stopped(corpus: Corpus, tokenizer_path: Path) -> None:
    """The number of the next row is all that a resumed run needs."""
    whole = list(islice(rows(corpus, tokenizer_path, CODE).batches(0, 2), 4))
    resumed = list(islice(rows(corpus, tokenizer_path, CODE).batches(4, 2), 2))

    assert np.array_equal(np.stack(whole[2:]), np.stack(resumed))


def test_rows_have_the_same_length(corpus: Corpus, tokenizer_path: Path) -> None:
    """Context and one more; little of it is padding."""
    found = np.stack([rows(corpus, tokenizer_path, CODE).row(number) for number in range(30)])

    assert found.shape == (30, 257)
    assert (found == PAD).mean() < 0.35


def test_every_chunk_comes_once_an_epoch(corpus: Corpus, tokenizer_path: Path) -> None:
    """An epoch is a permutation of the chunks, and the next one is another."""
    source = rows(corpus, tokenizer_path, PLAIN)
    source.row(0)
    assert source._permutation is not None
    first = source._permutation[1].copy()
    source.row(source.rows_per_epoch)
    second = source._permutation[1]

    assert sorted(first) == sorted(second) == list(range(source.rows_per_epoch))
    assert not np.array_equal(first, second)


def test_holes_differ_between_epochs(corpus: Corpus, tokenizer_path: Path) -> None:
    """The same chunk is cut elsewhere the next time."""
    source = rows(corpus, tokenizer_path, CODE)
    epoch = source.rows_per_epoch
    source.row(0)
    assert source._permutation is not None
    chunk = source._permutation[1][0]
    source.row(epoch)
    again = int(np.flatnonzero(source._permutation[1] == chunk)[0])

    assert not np.array_equal(source.row(0), source.row(epoch + again))


def test_fim_samples_are_whole(corpus: Corpus, tokenizer_path: Path) -> None:
    """Every middle marker has its suffix marker, and every sample its end."""
    for number in range(40):
        ids = rows(corpus, tokenizer_path, CODE).row(number).tolist()
        assert ids.count(FIM_MIDDLE) == ids.count(FIM_SUFFIX)
        if FIM_MIDDLE in ids:
            assert ENDOFTEXT in ids[ids.index(FIM_MIDDLE) :]


def test_plain_rows_are_the_corpus(corpus: Corpus, tokenizer_path: Path) -> None:
    """Left-to-right text is found in the file as it stands."""
    texts = [corpus.read(file) for file in corpus.files if file.split == "train"]
    plain = Tokenizer.from_file(str(tokenizer_path))
    for number in range(10):
        ids = rows(corpus, tokenizer_path, PLAIN).row(number).tolist()
        first = ids[: ids.index(ENDOFTEXT)] if ENDOFTEXT in ids else ids
        text = plain.decode(first).rstrip("\ufffd")
        assert any(text in whole for whole in texts)


def test_docstring_rows_hold_docstrings(corpus: Corpus, tokenizer_path: Path) -> None:
    """The task's samples end in a string."""
    plain = Tokenizer.from_file(str(tokenizer_path))
    ids = rows(corpus, tokenizer_path, DOCS).row(0).tolist()

    assert plain.decode(ids[: ids.index(ENDOFTEXT)]).rstrip().endswith(('"""', "'''"))


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [("a\nb\nc", 9, "a\nb\nc"), ("a\nb\nc", 4, "a\nb\n"), ("abcdef", 3, "abc"), ("", 3, "")],
)
def test_whole_lines(text: str, limit: int, expected: str) -> None:
    """Text is cut at a line's end where one is in reach."""
    assert whole_lines(text, limit) == expected
