"""Bits per byte of held-out text."""

import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training.corpus import Corpus  # noqa: E402 - torch first
from training.heldout import bits_per_byte, sample_files  # noqa: E402
from training.model import Model  # noqa: E402
from training.recipe import load_recipe  # noqa: E402
from training.tokenizer import load_plain  # noqa: E402


def test_only_held_out_files_are_drawn(corpus: Corpus) -> None:
    """Training files would flatter."""
    files = sample_files(corpus, 3)

    assert files
    assert {file.split for file in files} == {"heldout"}


def test_uniform_model_pays_the_size_of_the_vocabulary(tokenizer_path: Path) -> None:
    """Every token of every window counts once, and only once."""
    model = Model(load_recipe("tiny").model)
    model.initialise(1)
    with torch.no_grad():
        model.embedding.zero_()
    tokenizer = load_plain(tokenizer_path)
    texts = ["x = 1\n" * 200, "é\n", ""]
    num_tokens = sum(len(tokenizer.encode(text).ids) for text in texts)
    num_bytes = sum(len(text.encode()) for text in texts)

    bits, load = bits_per_byte(model, tokenizer, texts, context=64)

    assert bits == pytest.approx(num_tokens * math.log2(1024) / num_bytes, rel=1e-4)
    assert len(load) == 2
    assert sum(load[0]) == pytest.approx(1.0)


def test_windows_keep_half_their_context(tokenizer_path: Path) -> None:
    """A longer window predicts no worse than the same text cut into pieces without overlap."""
    model = Model(load_recipe("tiny").model)
    model.initialise(2)
    tokenizer = load_plain(tokenizer_path)
    text = "value = compute(value)\n" * 40

    one = bits_per_byte(model, tokenizer, [text], context=64)[0]
    other = bits_per_byte(model, tokenizer, [text], context=64, rows=1)[0]

    assert one == pytest.approx(other, rel=1e-5)
