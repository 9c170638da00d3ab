"""A small corpus of this Python's own library, and a tokenizer learned from it."""

import shutil
import sysconfig
from pathlib import Path

import pytest

from training.corpus import Corpus, build, open_corpus
from training.sources import checkout
from training.tokenizer import save, train

MIT = "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy"
_LIBRARY = Path(sysconfig.get_paths()["stdlib"])


def make_project(root: Path, files: dict[str, str], licence: str = MIT) -> Path:
    """Writes a checkout with a licence."""
    root.mkdir(parents=True)
    (root / "LICENSE").write_text(licence, encoding="utf-8")
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three checkouts: two to train on, one that is held out by its name."""
    folder = tmp_path_factory.mktemp("projects")
    for name, parts in {
        "data": ("json", "csv.py", "configparser.py", "string.py", "textwrap.py"),
        "net": ("http", "email", "socketserver.py", "ftplib.py"),
        "cattrs": ("argparse.py", "dataclasses.py", "heapq.py"),
    }.items():
        root = make_project(folder / name, {})
        for part in parts:
            source = _LIBRARY / part
            if source.is_dir():
                shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("*.pyc"))
            else:
                shutil.copy(source, root / part)
    return folder


@pytest.fixture(scope="session")
def corpus(projects: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The corpus of the three checkouts."""
    out = tmp_path_factory.mktemp("corpus")
    build([checkout(path) for path in sorted(projects.iterdir())], out)
    return open_corpus(out)


@pytest.fixture(scope="session")
def tokenizer_path(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer.json of 1,024 tokens."""
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    save(train(corpus, vocab=1024), path)
    return path
