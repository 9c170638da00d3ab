"""Injected bugs: what is injected, and that the checker must see it."""

import json
import sysconfig
from pathlib import Path
from random import Random

import pytest

from training import bugs
from training.corpus import Corpus, File
from training.errors import CorpusError
from training.fixes import FixIndex

# ruff: noqa: S311 - reproducible, nothing secret


@pytest.mark.parametrize("seed", range(20))
def test_misspelt_name_is_another_name(seed: int) -> None:
    """One name changes by a letter, the rest of the line stays."""
    wrong = bugs.misspell_name(Random(seed), "    total = price * 2")

    assert wrong != "    total = price * 2"
    assert wrong is None or wrong.startswith("    ")


@pytest.mark.parametrize(
    ("inject", "line", "expected"),
    [
        (bugs.drop_colon, "    if a:", "    if a"),
        (bugs.drop_colon, "a = {1: 2}", None),
        (bugs.drop_bracket, "f(a", None),
        (bugs.drop_bracket, "f(a)", "f(a"),
        (bugs.compare_with_none, "if a is not None:", "if a != None:"),
        (bugs.compare_with_none, "if a is None:", "if a == None:"),
        (bugs.drop_import, "import os", ""),
        (bugs.drop_import, "from a.b import c", ""),
        (bugs.drop_import, "from a import (", None),
    ],
)
def test_injections(inject: bugs.Injection, line: str, expected: str | None) -> None:
    """Each kind changes what it says, and nothing where it does not fit."""
    assert inject(Random(1), line) == expected


def test_rows_are_reported_and_repairable(corpus: Corpus, tmp_path: Path) -> None:
    """Prefix, correct line and suffix stand in the file; the diagnostic comes from ruff."""
    out = tmp_path / "bugs.jsonl"

    written = bugs.write(corpus, out, count=15, seed=1)

    rows = [json.loads(line) for line in out.read_text().splitlines()]
    texts = [corpus.read(file) for file in corpus.files if file.split == "train"]
    assert written == len(rows) == 15
    for row in rows:
        assert any(row["prefix"] + row["middle"] + row["suffix"] in text for text in texts)
        assert row["faulty"] != row["middle"]
        assert row["diagnostic"].split()[0].startswith(("F", "E", "invalid-syntax"))


@pytest.mark.parametrize(
    ("faulty", "before", "after", "expected"),
    [
        ("x = nmae", [], [(1, "F821 Undefined name `nmae`")], "F821 Undefined name `nmae`"),
        ("x = nmae", [], [], None),
        ("x = nmae", [(1, "F821 known")], [(1, "F821 known")], None),
        ("x = nmae", [], [(7, "F841 elsewhere")], None),
        ("if x", [], [(2, "invalid-syntax Expected")], "invalid-syntax Expected"),
        ("", [], [(9, "F821 Undefined name `os`")], "F821 Undefined name `os`"),
    ],
)
def test_only_what_the_checker_newly_reports_there_counts(
    faulty: str, before: list[tuple[int, str]], after: list[tuple[int, str]], expected: str | None
) -> None:
    """A bug that is not seen, or seen elsewhere, is no sample; a lost import is seen later."""
    file = File(source="s", path="a.py", split="train", test=False, start=0, end=1)
    broken = bugs.Broken(file=file, lines=("a", "b", "c"), number=1, faulty=faulty)

    assert bugs.reported(broken, before, after) == expected


def test_index_draws_bugs(corpus: Corpus, tmp_path: Path) -> None:
    """What was written can be drawn."""
    bugs.write(corpus, tmp_path / "bugs.jsonl", count=3, seed=1)
    index = FixIndex(tmp_path / "bugs.jsonl")

    drawn = {index.draw(Random(seed)).diagnostic for seed in range(30)}

    assert len(index) == 3
    assert 1 <= len(drawn) <= 3


def test_missing_bugs_are_named(tmp_path: Path) -> None:
    """A wrong path says how to make the file."""
    with pytest.raises(CorpusError, match="python -m training bugs"):
        FixIndex(tmp_path / "bugs.jsonl")


def test_missing_checker_is_named(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ruff there are no bugs, and the sentence says so."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path))

    with pytest.raises(CorpusError, match="pip install ruff"):
        next(bugs.inject(corpus, count=1, seed=1))
