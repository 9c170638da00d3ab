"""Builds a corpus directory from folders of code: one text file, one line a file, one index."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training.benchmarks import benchmark_hashes, listed
from training.errors import CorpusError
from training.filters import (
    MAX_SOURCE_BYTES,
    SUFFIXES,
    TEST_SHARE,
    Deduplicator,
    Dropped,
    clean,
    is_test,
)
from training.sources import PERMISSIVE, Source

Split = Literal["train", "heldout"]
FORMAT_VERSION = 1
_Row = tuple[Source, str, str]  # source, path, text


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One kept file: where it came from and where its UTF-8 bytes stand in text.bin."""

    source: str
    path: str
    split: Split
    test: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A corpus that is open for reading."""

    folder: Path
    files: tuple[File, ...]
    digest: str
    """Identifies the content, so that a resumed run notices another corpus."""

    def read(self, file: File) -> str:
        """Returns the text of one file."""
        with (self.folder / "text.bin").open("rb") as stream:
            stream.seek(file.start)
            return stream.read(file.end - file.start).decode()


def open_corpus(folder: Path) -> Corpus:
    """Opens a corpus directory.

    Raises:
        CorpusError: the directory is none, or was cut short.
    """
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        rows = (folder / "files.jsonl").read_text(encoding="utf-8").splitlines()
        files = tuple(File(**json.loads(row)) for row in rows)
        size = (folder / "text.bin").stat().st_size
    except (OSError, ValueError, TypeError) as error:
        raise CorpusError(
            f"expected a corpus with index.json, files.jsonl and text.bin in {folder}, "
            f"found: {error}; build it with `python -m training corpus`"
        ) from error
    if index.get("format_version") != FORMAT_VERSION or size != index.get("bytes"):
        raise CorpusError(
            f"{folder}: expected corpus format {FORMAT_VERSION} with {index.get('bytes')} bytes of "
            f"text, found format {index.get('format_version')} with {size}; build it again"
        )
    return Corpus(folder=folder, files=files, digest=index["digest"])


def build(
    sources: Iterable[Source],
    out: Path,
    *,
    benchmarks: Iterable[Path] = (),
    left_out: Iterable[str] = (),
) -> dict[str, object]:
    """Writes a corpus of the given sources and returns its index.

    Held-out sources are read first: what they hold is thereby known to the duplicate check, so
    that no copy of it can enter the training split. Test code is capped at `TEST_SHARE` of the
    bytes; which test files stay is decided by a hash of their path. Files that define a function of
    a listed benchmark, or of one of the given ones, are dropped.
    """
    unique = {source.name.lower(): source for source in sources}
    ordered = sorted(unique.values(), key=lambda source: (not source.held_out, source.name.lower()))
    if not ordered:
        raise CorpusError("expected at least one folder of permissively licensed code, found none")
    checker = Deduplicator(benchmark=listed() | benchmark_hashes(benchmarks))
    dropped: Counter[str] = Counter()
    kept: list[_Row] = []
    tests: list[_Row] = []
    for source in ordered:
        if source.licence not in PERMISSIVE:
            raise CorpusError(f"{source.name}: licence {source.licence} is not permissive")
        rows: list[_Row] = []
        for path, data in _read(source):
            text = clean(path, data)
            if isinstance(text, str):
                text = checker.check(text) or text
            if isinstance(text, Dropped):
                dropped[text.value] += 1
            else:
                rows.append((source, path, text))
        if not source.held_out:
            rows = _capped(rows, MAX_SOURCE_BYTES, dropped, Dropped.SOURCE_CAP)
            tests += [row for row in rows if is_test(row[1])]
            rows = [row for row in rows if not is_test(row[1])]
        kept += rows
    code_bytes = sum(len(text.encode()) for source, _, text in kept if not source.held_out)
    budget = int(code_bytes * TEST_SHARE / (1 - TEST_SHARE))
    kept += _capped(tests, budget, dropped, Dropped.TEST_CAP)
    kept.sort(key=lambda row: (row[0].name.lower(), row[1]))
    return _write(kept, ordered, out, dropped, list(left_out))


def _capped(rows: list[_Row], limit: int, dropped: Counter[str], reason: Dropped) -> list[_Row]:
    """Keeps at most `limit` bytes; a hash of the path decides, so that any folder may be hit."""
    kept: list[_Row] = []
    for row in sorted(
        rows, key=lambda row: hashlib.blake2b(f"{row[0].name}/{row[1]}".encode()).digest()
    ):
        size = len(row[2].encode())
        if size <= limit:
            limit -= size
            kept.append(row)
        else:
            dropped[reason.value] += 1
    return kept


def _read(source: Source) -> Iterator[tuple[str, bytes]]:
    files = source.files
    if files is None:
        files = tuple(path.relative_to(source.root) for path in sorted(source.root.rglob("*")))
    for relative in files:
        path = source.root / relative
        if relative.suffix in SUFFIXES and path.is_file() and not path.is_symlink():
            yield relative.as_posix(), path.read_bytes()


def _write(
    kept: list[tuple[Source, str, str]],
    sources: list[Source],
    out: Path,
    dropped: Counter[str],
    left_out: list[str],
) -> dict[str, object]:
    out.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    sizes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    splits: Counter[str] = Counter()
    position = 0
    with (
        (out / "text.bin").open("wb") as text_file,
        (out / "files.jsonl").open("w", encoding="utf-8") as rows,
    ):
        for source, path, text in kept:
            data = text.encode()
            split: Split = "heldout" if source.held_out else "train"
            row = {"source": source.name, "path": path, "split": split, "test": is_test(path)}
            row |= {"start": position, "end": position + len(data)}
            line = json.dumps(row, ensure_ascii=False) + "\n"
            rows.write(line)
            text_file.write(data)
            digest.update(line.encode())
            digest.update(data)
            position += len(data)
            sizes[source.name] += len(data)
            counts[source.name] += 1
            splits[split] += len(data)
    index: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "digest": digest.hexdigest(),
        "bytes": position,
        "splits": dict(splits),
        "dropped": dict(dropped),
        "left_out": left_out,
        "sources": [
            {
                "name": source.name,
                "version": source.version,
                "licence": source.licence,
                "url": source.url,
                "held_out": source.held_out,
                "files": counts[source.name],
                "bytes": sizes[source.name],
            }
            for source in sources
        ],
    }
    # Last, so that a build cut short has no index and is refused.
    (out / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    return index
