"""Figures on held-out repositories."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training.corpus import Corpus  # noqa: E402 - torch first
from training.measure import (  # noqa: E402
    Place,
    Rate,
    cursors,
    exact_lines,
    measure,
    writes_line,
)
from training.model import Model  # noqa: E402
from training.recipe import load_recipe  # noqa: E402
from training.tokenizer import ENDOFTEXT, load_plain  # noqa: E402


@pytest.fixture
def model() -> Model:
    """The tiny recipe's model, untrained."""
    made = Model(load_recipe("tiny").model)
    made.initialise(1)
    return made


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(0, 100, 0.0, 0.037), (50, 100, 0.404, 0.596), (0, 0, 0.0, 1.0)]
)
def test_wilson_interval(hits: int, n: int, low: float, high: float) -> None:
    """Known values of the score interval."""
    assert Rate(hits=hits, n=n).interval == pytest.approx((low, high), abs=1e-3)


@pytest.mark.parametrize("place", ["line start", "mid-line"])
def test_cursors_stand_where_they_should(corpus: Corpus, place: Place) -> None:
    """Only in held-out files; the hole reaches the end of the line and is never empty."""
    for file, hole in cursors(corpus, place, count=60, seed=1):
        before = hole.prefix.rsplit("\n", 1)[-1]
        assert file.split == "heldout"
        assert hole.prefix + hole.middle + hole.suffix in corpus.read(file)
        assert hole.middle.strip()
        assert hole.suffix.startswith("\n") or not hole.suffix
        assert bool(before.strip()) is (place == "mid-line")


def test_cursors_are_reproducible(corpus: Corpus) -> None:
    """The same seed draws the same positions."""
    one = list(cursors(corpus, "mid-line", count=10, seed=3))

    assert one == list(cursors(corpus, "mid-line", count=10, seed=3))
    assert one != list(cursors(corpus, "mid-line", count=10, seed=4))


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        (["return", " x", None], True),  # the end of the text
        (["return", " x", "\n    "], True),  # or of the line
        (["return", " x", "."], False),  # goes on
        (["return", " y", None], False),
        (["return", None, None], False),  # too short
        (["return", "\n", None], False),
    ],
)
def test_line_is_written_and_ended(
    tokenizer_path: Path, choices: list[str | None], expected: bool
) -> None:
    """Every token is the first choice, and then the line ends one way or the other."""
    tokenizer = load_plain(tokenizer_path)
    line = [tokenizer.encode(part).ids[0] for part in ("return", " x")]
    first = [ENDOFTEXT if part is None else tokenizer.encode(part).ids[0] for part in choices]

    assert writes_line(tokenizer, line, first) is expected


def test_last_token_may_bring_the_newline(tokenizer_path: Path) -> None:
    """A bracket and the newline behind it may be one token."""
    tokenizer = load_plain(tokenizer_path)
    name, bracket = tokenizer.encode("x").ids[0], tokenizer.encode(")").ids[0]
    both = tokenizer.encode(")\n").ids
    assert len(both) == 1

    assert writes_line(tokenizer, [name, bracket], [name, both[0], bracket])
    assert not writes_line(tokenizer, [name, bracket, bracket], [name, both[0], bracket, ENDOFTEXT])


def test_exact_lines_follow_the_model(corpus: Corpus, tokenizer_path: Path, model: Model) -> None:
    """A model that ends every text at once has no line right; one that writes newlines neither."""
    tokenizer = load_plain(tokenizer_path)
    for token in (ENDOFTEXT, tokenizer.encode("\n").ids[0]):
        with torch.no_grad():
            model.embedding.zero_()
            model.embedding[token] = 1.0
            model.norm.fill_(1.0)
        rate = exact_lines(model, tokenizer, corpus, "mid-line", count=5)

        assert (rate.hits, rate.n) == (0, 5)


def test_all_figures_are_there(corpus: Corpus, tokenizer_path: Path, model: Model) -> None:
    """What the model card quotes comes from one call."""
    found = measure(model, load_plain(tokenizer_path), corpus, num_files=2, positions=3)

    assert found["files"] == 2
    assert isinstance(found["bits_per_byte"], float)
    assert found["line start"]["n"] == found["mid-line"]["n"] == 3  # type: ignore[index]
