"""The code of one workspace: what is learned from, what is kept unseen, and rows of tokens."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from inference.manifest import Manifest
from training.data import CHARS_PER_TOKEN, whole_lines
from training.docstrings import docstring_hole
from training.filters import Deduplicator, clean
from training.finetune_errors import FinetuneError
from training.format import Hole, Order, Snippet, completion, docstring, header, keep_head
from training.splits import choose_span
from training.tokenizer import ENDOFTEXT

HELDOUT_SHARE = 0.12
"""Of the bytes: files for the figures before and after, never learned from."""
VALIDATION_SHARE = 0.05
"""Of the bytes: files that decide which moment of the training is kept."""
MAX_HELDOUT_BYTES = 240_000
MAX_VALIDATION_BYTES = 60_000
MIN_FILES = 5
MIN_TRAIN_BYTES = 10_000
IGNORED = -1
"""Target of a position that does not count."""

_FIM_SHARE = 0.5
_SPM_SHARE = 0.7
_HEADER_SHARE = 0.7
_SNIPPET_SHARE = 0.4
_SNIPPET_BUDGET = 0.25
_DOCSTRING_SHARE = 0.05
_MIN_SAMPLE_TOKENS = 96
_TRIES = 4
_SHIFT = 16  # `training.format` writes markers as ids below this


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceText:
    """One file, cleaned; `path` is relative to the workspace, with "/"."""

    path: str
    text: str

    @property
    def num_bytes(self) -> int:
        """Its size in UTF-8."""
        return len(self.text.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The files of a workspace by their part in fine-tuning."""

    train: tuple[SourceText, ...]
    validation: tuple[SourceText, ...]
    heldout: tuple[SourceText, ...]

    @property
    def digest(self) -> str:
        """Identifies the training files, so that a resumed run notices other ones."""
        digest = hashlib.sha256()
        for file in self.train:
            digest.update(json.dumps([file.path, file.text]).encode())
        return digest.hexdigest()


def read_sources(files: Iterable[tuple[str, bytes]]) -> list[SourceText]:
    """Keep the files that are worth learning from, each text once, in the order of their paths."""
    seen = Deduplicator()
    kept = []
    for path, data in sorted(files):
        text = clean(path, data)
        if isinstance(text, str) and seen.check(text) is None:
            kept.append(SourceText(path=path, text=text))
    return kept


def split(files: Iterable[SourceText], seed: int) -> Split:
    """Deal the files out by a seeded draw.

    Raises:
        FinetuneError: too little code to learn from and to measure on.
    """
    pool = list(files)
    Random(seed).shuffle(pool)  # noqa: S311 - reproducible, not secret
    total = sum(file.num_bytes for file in pool)
    heldout = _take(pool, min(HELDOUT_SHARE * total, MAX_HELDOUT_BYTES))
    validation = _take(pool, min(VALIDATION_SHARE * total, MAX_VALIDATION_BYTES))
    left = sum(file.num_bytes for file in pool)
    if len(pool) + len(heldout) + len(validation) < MIN_FILES or left < MIN_TRAIN_BYTES:
        raise FinetuneError(
            f"expected at least {MIN_FILES} source files with {MIN_TRAIN_BYTES:,} bytes to learn"
            f" from, found {len(pool) + len(heldout) + len(validation)} files with {total:,} bytes;"
            " name a larger workspace"
        )
    pool.sort(key=lambda file: file.path)
    return Split(train=tuple(pool), validation=tuple(validation), heldout=tuple(heldout))


def _take(pool: list[SourceText], num_bytes: float) -> list[SourceText]:
    """Remove files from the end of the pool until they hold so many bytes; at least one."""
    taken: list[SourceText] = []
    while pool and (not taken or sum(file.num_bytes for file in taken) < num_bytes):
        taken.append(pool.pop())
    return taken


def load_tokenizer(path: Path) -> Tokenizer:
    """Open a tokenizer.json without its added tokens, so that no text can yield a marker.

    Raises:
        FinetuneError: the file is no tokenizer.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        data["added_tokens"] = []
        return Tokenizer.from_str(json.dumps(data))
    except Exception as error:  # the tokenizers library raises bare Exception
        raise FinetuneError(
            f"{path}: expected a tokenizer, found: {error}; export the model again"
        ) from error


def marker_ids(manifest: Manifest) -> tuple[int | None, ...]:
    """Return the model's ids of the markers of `training.format`, in the order of their numbers."""
    fim, tasks = manifest.fim, manifest.task_tokens
    end = next(iter(manifest.stop_ids), None)
    return (
        *(end, fim.pad, fim.prefix, fim.suffix, fim.middle),
        *(fim.file_sep, tasks.doc, tasks.fix, tasks.diag),
    )


class WorkspaceRows:
    """Rows of ``context`` + 1 tokens; a row is a pure function of the seed and its number."""

    def __init__(
        self,
        files: tuple[SourceText, ...],
        tokenizer: Tokenizer,
        manifest: Manifest,
        *,
        context: int,
        seed: int,
    ) -> None:
        self._files = files
        self._tokenizer = tokenizer
        self._markers = marker_ids(manifest)
        self._has_end = bool(manifest.stop_ids)
        self._has_fim = manifest.fim.style in {"spm", "psm"} and self._has_end
        self._has_header = manifest.fim.file_sep is not None
        self._has_docstring = self._has_fim and manifest.task_tokens.doc is not None
        self._context = context
        self._seed = seed
        self._chunk_chars = int(context * CHARS_PER_TOKEN)
        self._starts = [0]
        for file in files:
            self._starts.append(self._starts[-1] + -(-len(file.text) // self._chunk_chars))

    @property
    def rows_per_epoch(self) -> int:
        """Number of chunks, each of which starts one row of an epoch."""
        return self._starts[-1]

    def row(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return row ``number``: ids and targets, both ``[context]``."""
        epoch, place = divmod(number, self.rows_per_epoch)
        order = np.random.default_rng([self._seed, epoch]).permutation(self.rows_per_epoch)
        chunk = int(order[place])
        rng = Random(f"{self._seed}/{epoch}/{chunk}")  # noqa: S311 - reproducible, not secret
        length = self._context + 1
        ids: list[int] = []
        while length - len(ids) >= _MIN_SAMPLE_TOKENS:
            ids += self._sample(rng, chunk, length - len(ids))
            chunk = rng.randrange(self.rows_per_epoch)  # what is left is filled from elsewhere
        model_ids = [self._model_id(token) for token in ids]
        missing = length - len(model_ids)
        inputs = np.array([*model_ids, *[0] * missing][:-1], np.int64)
        targets = np.array([*model_ids, *[IGNORED] * missing][1:], np.int64)
        return inputs, targets

    def batch(self, first: int, rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and targets ``[rows, context]`` of the rows from number ``first`` on."""
        made = [self.row(number) for number in range(first, first + rows)]
        return np.stack([ids for ids, _ in made]), np.stack([targets for _, targets in made])

    def _encode(self, text: str) -> list[int]:
        """Encode text as ids that no marker of `training.format` has."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return [token + _SHIFT for token in ids]

    def _model_id(self, token: int) -> int:
        if token >= _SHIFT:
            return token - _SHIFT
        marker = self._markers[token]
        assert marker is not None, "samples use only markers that the model has"  # noqa: S101
        return marker

    def _sample(self, rng: Random, chunk: int, budget: int) -> list[int]:
        index = bisect_right(self._starts, chunk) - 1
        file = self._files[index]
        order: Order = "spm" if rng.random() < _SPM_SHARE else "psm"
        before: list[int] = []
        if self._has_header and rng.random() < _HEADER_SHARE:
            before = self._header(rng, index, budget)
        ids: list[int] | None = None
        if self._has_docstring and rng.random() < _DOCSTRING_SHARE:
            hole = docstring_hole(rng, file.text) if file.path.endswith(".py") else None
            if hole is not None:
                ids = docstring(self._encode, hole, order=order, budget=budget, before=before)
        if ids is None:
            # a random shift, so that another epoch cuts the file elsewhere
            place = (chunk - self._starts[index]) * self._chunk_chars
            start = max(0, place - rng.randrange(self._chunk_chars))
            start = file.text.rfind("\n", 0, start) + 1
            window = whole_lines(file.text[start:], int(budget * CHARS_PER_TOKEN * 1.2))
            if self._has_fim and rng.random() < _FIM_SHARE:
                ids = self._infilling(rng, window, order, budget, before)
            if ids is None:
                ended = self._has_end and start + len(window) >= len(file.text)
                ids = [*before, *self._encode(window), *([ENDOFTEXT] if ended else [])]
        return ids[:budget]

    def _infilling(
        self, rng: Random, window: str, order: Order, budget: int, before: list[int]
    ) -> list[int] | None:
        for _ in range(_TRIES):
            span = choose_span(rng, window)
            if span is None:
                return None
            start, end = span
            hole = Hole(prefix=window[:start], middle=window[start:end], suffix=window[end:])
            ids = completion(self._encode, hole, order=order, budget=budget, before=before)
            if ids is not None:
                return ids
        return None

    def _header(self, rng: Random, index: int, budget: int) -> list[int]:
        snippets = []
        # neighbours in the listing are neighbours in the tree
        other = min(max(index + rng.randint(-6, 6), 0), len(self._files) - 1)
        if other != index and rng.random() < _SNIPPET_SHARE:
            file = self._files[other]
            start = file.text.rfind("\n", 0, rng.randrange(len(file.text))) + 1
            limit = int(budget * _SNIPPET_BUDGET * rng.uniform(0.3, 1.0))
            text = file.text[start : start + int(limit * CHARS_PER_TOKEN * 1.5)]
            text = keep_head(self._encode, text, limit)
            if text.strip():
                snippets.append(Snippet(path=file.path, text=text))
        return header(self._encode, self._files[index].path, snippets)
