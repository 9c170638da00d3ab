"""Corpus directories: splits, index, refusals."""

import json
from pathlib import Path

import pytest

from training.corpus import Corpus, build, open_corpus
from training.errors import CorpusError
from training.filters import TEST_SHARE
from training.sources import Source, checkout

LONG = "\n".join(f"def function_{index}(value):\n    return value + {index}" for index in range(20))


def project(root: Path, files: dict[str, str]) -> Path:
    """A checkout under the MIT licence."""
    root.mkdir(parents=True)
    (root / "LICENSE").write_text("Permission is hereby granted, free of charge, to any person")
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_texts_come_back(corpus: Corpus) -> None:
    """Every file's bytes stand where the index says."""
    file = next(file for file in corpus.files if file.path == "json/decoder.py")

    assert corpus.read(file).startswith('"""Implementation of JSONDecoder\n"""')


def test_held_out_project_is_no_training_data(corpus: Corpus) -> None:
    """A project on the list is kept apart whole."""
    assert {file.source for file in corpus.files if file.split == "heldout"} == {"cattrs"}
    assert {file.source for file in corpus.files if file.split == "train"} == {"data", "net"}


def test_index_states_every_source(corpus: Corpus) -> None:
    """Licence, version and size stand in the index, for the model card."""
    index = json.loads((corpus.folder / "index.json").read_text())

    assert [row["name"] for row in index["sources"]] == ["cattrs", "data", "net"]
    assert all(row["licence"] == "MIT" and row["bytes"] > 0 for row in index["sources"])
    assert sum(row["bytes"] for row in index["sources"]) == index["bytes"]


def test_copy_of_a_held_out_file_does_not_enter_training(tmp_path: Path) -> None:
    """Vendored copies of held-out code are duplicates, whatever project they are in."""
    held = project(tmp_path / "anyio", {"a.py": LONG})
    train = project(tmp_path / "aaa", {"copied.py": LONG, "own.py": LONG.replace("value", "item")})

    build([checkout(train), checkout(held)], tmp_path / "out")

    paths = [(file.split, file.path) for file in open_corpus(tmp_path / "out").files]
    assert paths == [("train", "own.py"), ("heldout", "a.py")]


def test_test_code_is_capped(tmp_path: Path) -> None:
    """Tests are at most their share of the training bytes."""
    files = {f"src/m{n}.py": LONG.replace("function", f"call_{n}_") for n in range(10)}
    files |= {f"tests/test_m{n}.py": LONG.replace("function", f"check_{n}_") for n in range(20)}
    build([checkout(project(tmp_path / "p", files))], tmp_path / "out")
    opened = open_corpus(tmp_path / "out").files

    total = sum(file.end - file.start for file in opened)
    tests = sum(file.end - file.start for file in opened if file.test)

    assert 0 < tests <= TEST_SHARE * total


def test_large_project_is_taken_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project beyond the cap gives as many files as fit, the others give all."""
    monkeypatch.setattr("training.corpus.MAX_SOURCE_BYTES", 3 * len(LONG) + 500)
    large = {f"m{n}.py": LONG.replace("function", f"call_{n}_") for n in range(9)}
    small = {"only.py": LONG.replace("function", "little")}
    sources = [checkout(project(tmp_path / "b", small)), checkout(project(tmp_path / "a", large))]

    build(sources, tmp_path / "out")

    found = [file.source for file in open_corpus(tmp_path / "out").files]
    assert found == ["a", "a", "a", "b"]


def test_same_input_gives_the_same_digest(corpus: Corpus, projects: Path, tmp_path: Path) -> None:
    """A corpus is identified by its content, whatever the order of the arguments."""
    sources = [checkout(path) for path in sorted(projects.iterdir(), reverse=True)]

    assert build(sources, tmp_path / "again")["digest"] == corpus.digest


def test_forbidden_licence_is_refused(tmp_path: Path) -> None:
    """Even a source made by hand needs a permissive licence."""
    source = Source(name="x", version="1", licence="GPL-3.0-only", url="", root=tmp_path)

    with pytest.raises(CorpusError, match=r"GPL-3.0-only is not permissive"):
        build([source], tmp_path / "out")


def test_no_sources_is_an_error(tmp_path: Path) -> None:
    """An empty corpus helps nobody."""
    with pytest.raises(CorpusError, match="expected at least one folder"):
        build([], tmp_path / "out")


@pytest.mark.parametrize("name", ["index.json", "files.jsonl", "text.bin"])
def test_incomplete_corpus_is_refused(corpus: Corpus, tmp_path: Path, name: str) -> None:
    """A missing part is named."""
    for path in corpus.folder.iterdir():
        if path.name != name:
            (tmp_path / path.name).write_bytes(path.read_bytes())

    with pytest.raises(CorpusError, match="expected a corpus"):
        open_corpus(tmp_path)


def test_cut_text_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    """Text of another size than the index says is noticed."""
    for path in corpus.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "text.bin").open("r+b") as stream:
        stream.truncate(100)

    with pytest.raises(CorpusError, match="bytes of text, found"):
        open_corpus(tmp_path)


def test_public_benchmarks_stay_out(tmp_path: Path) -> None:
    """Without being asked for: a file with a function of HumanEval, MBPP or QuixBugs is dropped."""
    solved = "def min_cost(cost, m, n):\n    return cost[m][n]\n\n\n"
    files = {"own.py": LONG, "copied.py": solved + LONG.replace("value", "item")}

    index = build([checkout(project(tmp_path / "some", files))], tmp_path / "out")

    assert [file.path for file in open_corpus(tmp_path / "out").files] == ["own.py"]
    assert index["dropped"] == {"benchmark": 1}
