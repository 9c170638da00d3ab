"""Figures on held-out repositories."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training.corpus import Corpus  # noqa: E402 - torch first
from training.format import header, prompt  # noqa: E402
from training.measure import Place, Rate, cursors, exact_lines, measure  # noqa: E402
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


def test_exact_means_that_greedy_decoding_writes_the_line(
    corpus: Corpus, tokenizer_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that always writes what a plain greedy loop wrote is counted as exact there."""
    tokenizer = load_plain(tokenizer_path)

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    # a head that knows one answer: the end of text after anything
    with torch.no_grad():
        model.embedding.zero_()
        model.embedding[ENDOFTEXT] = 1.0
        model.norm.fill_(1.0)
    (file, hole), *_ = cursors(corpus, "mid-line", count=1, seed=1)
    ids = prompt(encode, hole.prefix[-50:], "\n", order="spm", before=header(encode, file.path))
    assert int(model.logits(torch.tensor([ids]))[0, -1].argmax()) == ENDOFTEXT

    # it never writes a line, which has at least one token before its end
    assert exact_lines(model, tokenizer, corpus, "mid-line", count=5).hits == 0
    monkeypatch.setattr(
        "training.measure.completion", lambda *_args, **_keywords: [*ids, ENDOFTEXT]
    )
    empty = [(file, type(hole)(prefix="a", middle="", suffix="\n"))] * 4
    monkeypatch.setattr("training.measure.cursors", lambda *_args, **_keywords: iter(empty))
    assert exact_lines(model, tokenizer, corpus, "mid-line", count=4).hits == 4


def test_all_figures_are_there(corpus: Corpus, tokenizer_path: Path, model: Model) -> None:
    """What the model card quotes comes from one call."""
    found = measure(model, load_plain(tokenizer_path), corpus, num_files=2, positions=3)

    assert found["files"] == 2
    assert isinstance(found["bits_per_byte"], float)
    assert found["line start"]["n"] == found["mid-line"]["n"] == 3  # type: ignore[index]
