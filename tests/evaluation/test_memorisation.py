"""Outputs that stand in the corpus: drawing, writing, looking up, and the shares."""

from pathlib import Path

import pytest

from evaluation.errors import DataError
from evaluation.memorisation import (
    OUTPUT_TOKENS,
    Writer,
    draw_prompts,
    evaluate,
    look_up,
    table,
)
from evaluation.options import Options
from inference.loading import open_session
from inference.model_dir import ModelDir
from inference.tokenizer import Tokenizer
from inference.vocabulary import Vocabulary
from training.corpus import Corpus, build, open_corpus
from training.sources import checkout

MIT = "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy"


def lines(word: str) -> str:
    """Return a file of lines that no other has."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    pairs = [f"{first}{second}" for first in letters[:8] for second in letters]
    return "".join(f"{word}_{pair} = call_{word}(of_{pair}, {word})\n" for pair in pairs)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """A corpus of two projects, one of them held out by its name."""
    for name in ("data", "cattrs"):
        folder = tmp_path / "projects" / name
        folder.mkdir(parents=True)
        (folder / "LICENSE").write_text(MIT, encoding="utf-8")
        (folder / "module.py").write_text(lines(name), encoding="utf-8")
    build([checkout(path) for path in sorted((tmp_path / "projects").iterdir())], tmp_path / "out")
    return open_corpus(tmp_path / "out")


def test_prompts_are_places_of_the_split(corpus: Corpus) -> None:
    """What stands before and behind one is a piece of a file of that split; draws repeat."""
    for split, word in (("train", "data"), ("heldout", "cattrs")):
        prompts = draw_prompts(corpus, split, 20)

        assert len(prompts) == 20
        assert prompts == draw_prompts(corpus, split, 20)
        assert all(prompt.before + prompt.after in lines(word) for prompt in prompts)
        assert len({prompt.before for prompt in prompts}) > 10


def test_only_what_was_trained_on_is_looked_at(corpus: Corpus) -> None:
    """Verbatim, blanks aside, or not at all; the held-out files do not count."""
    text = "data_ad = call_data(of_ad, data)\ndata_ae"
    texts = [
        text,
        text.replace("\n", "\n\n  "),
        text.replace("data", "cattrs"),
        "data_ad = call(of",
    ]

    assert look_up(texts, corpus) == ([True, False, False, False], [True, True, False, False])


def test_fifty_tokens_are_written_greedily(tiny_model: Path) -> None:
    """No rule ends them, no marker is among them, and they are the same each time."""
    model = ModelDir.open(tiny_model)
    tokenizer = Tokenizer.open(model.tokenizer)
    vocabulary = Vocabulary(tokenizer, size=tokenizer.size, stop_ids=frozenset({0}))
    writer = Writer(open_session(model, 2), tokenizer, vocabulary)
    text = writer.write("import json\n" * 400)

    assert len(text.encode("utf-8", "replace")) >= OUTPUT_TOKENS
    assert "<|" not in text
    assert writer.write("import json\n" * 400) == text


def test_a_model_that_recites_is_found_out(
    corpus: Corpus, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reciting the trained file: all train prompts; reciting the held-out one: none of them."""

    def recite(_: Writer, before: str) -> str:
        text = lines("data") if "data" in before else lines("cattrs")
        at = text.index(before) + len(before)
        return text[at : at + 60]

    monkeypatch.setattr(Writer, "write", recite)
    options = Options(model=tiny_model, data=corpus.folder, limit=12)
    report = evaluate(options)

    assert report.n == 24
    assert (report.train.n, report.train.verbatim, report.train.source) == (12, 1.0, 1.0)
    assert (report.heldout.verbatim, report.heldout.source) == (0.0, 1.0)
    assert report.train.verbatim_ci95[0] > 0.7
    assert "| train | 12 | 100.0% |" in table(report)
    assert evaluate(options) == report


def test_without_a_corpus_there_is_one_sentence(tiny_model: Path, tmp_path: Path) -> None:
    """No folder named, or one that is no corpus."""
    with pytest.raises(DataError, match="training corpus"):
        evaluate(Options(model=tiny_model))
    with pytest.raises(DataError, match="expected a corpus"):
        evaluate(Options(model=tiny_model, data=tmp_path))
