"""Turns a corpus into rows of tokens; a row is a pure function of the seed and its number.

So a resumed run needs nothing but the number of its next row to see the same data in the same
order, and rows can be made by any number of processes.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.corpus import Corpus, File
from training.docstrings import docstring_hole
from training.fixes import FixIndex
from training.format import Hole, Order, Snippet, completion, docstring, fix, header, keep_head
from training.splits import choose_span
from training.tokenizer import ENDOFTEXT, PAD

CHARS_PER_TOKEN = 3.4
"""A little under the measured value, so that a chunk of text mostly fills its row."""
_MIN_SAMPLE_TOKENS = 96
_SNIPPET_SHARE = 0.25
_TRIES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class MixConfig:
    """Shares of the tasks and forms of the samples (each between 0 and 1)."""

    docstring: float
    fix: float
    fim: float
    """Share of the code samples that are fill-in-the-middle; the others are left-to-right."""
    spm: float
    header: float
    snippet: float
    """Share of the headers that also hold a snippet of another file."""


def whole_lines(text: str, limit: int) -> str:
    """Cuts a text behind the last line that ends within `limit` characters, if one does."""
    return text if len(text) <= limit else text[: text.rfind("\n", 0, limit) + 1] or text[:limit]


class Rows:
    """Rows of `context` + 1 tokens from the training split of a corpus."""

    def __init__(
        self,
        corpus: Corpus,
        tokenizer: Tokenizer,
        mix: MixConfig,
        *,
        context: int,
        seed: int,
        fixes: FixIndex | None = None,
    ) -> None:
        self.corpus = corpus
        self.mix = mix
        self.context = context
        self.seed = seed
        self.fixes = fixes
        self._tokenizer = tokenizer
        self.files = [file for file in corpus.files if file.split == "train"]
        self._chunk_chars = int(context * CHARS_PER_TOKEN)
        counts = [-(-(file.end - file.start) // self._chunk_chars) for file in self.files]
        self._ends = np.cumsum(counts)
        self._siblings: dict[str, tuple[int, int]] = {}
        for index, file in enumerate(self.files):
            first, _ = self._siblings.get(file.source, (index, index))
            self._siblings[file.source] = (first, index + 1)
        self._permutation: tuple[int, NDArray[np.int64]] | None = None
        self._text = np.memmap(corpus.folder / "text.bin", dtype=np.uint8, mode="r")

    @property
    def rows_per_epoch(self) -> int:
        """Number of chunks, each of which starts one row of an epoch."""
        return int(self._ends[-1])

    def encode(self, text: str) -> list[int]:
        """Encodes text; never yields a marker."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def row(self, number: int) -> NDArray[np.int64]:
        """Returns row `number`: `context` + 1 ids, padded with <|pad|>."""
        epoch, place = divmod(number, self.rows_per_epoch)
        if self._permutation is None or self._permutation[0] != epoch:
            order = np.random.default_rng([self.seed, epoch]).permutation(self.rows_per_epoch)
            self._permutation = (epoch, order)
        chunk = int(self._permutation[1][place])
        rng = Random(f"{self.seed}/{epoch}/{chunk}")  # noqa: S311 - reproducible, not secret
        length = self.context + 1
        ids: list[int] = []
        while length - len(ids) >= _MIN_SAMPLE_TOKENS:
            ids += self._sample(rng, chunk, length - len(ids))
            chunk = rng.randrange(self.rows_per_epoch)  # what is left is filled from elsewhere
        return np.array(ids + [PAD] * (length - len(ids)), dtype=np.int64)

    def batches(self, first: int, rows: int) -> Iterator[NDArray[np.int64]]:
        """Yields [rows, context + 1] arrays without end, from row number `first` on."""
        while True:
            yield np.stack([self.row(number) for number in range(first, first + rows)])
            first += rows

    def _text_of(self, file: File) -> str:
        return bytes(self._text[file.start : file.end]).decode()

    def _sample(self, rng: Random, chunk: int, budget: int) -> list[int]:
        index = int(bisect_left(self._ends, chunk + 1))
        file = self.files[index]
        place = chunk - (int(self._ends[index - 1]) if index else 0)
        order: Order = "spm" if rng.random() < self.mix.spm else "psm"
        before = self._header(rng, index, budget) if rng.random() < self.mix.header else []
        draw = rng.random()
        ids: list[int] | None = None
        if draw < self.mix.docstring:
            ids = self._docstring(rng, order, budget)
        elif draw < self.mix.docstring + self.mix.fix and self.fixes is not None:
            ids = self._fix(rng, order, budget)
        if ids is None:
            # a random shift, so that another epoch cuts the file elsewhere
            shift = rng.randrange(self._chunk_chars)
            text = self._text_of(file)
            start = max(0, place * self._chunk_chars - shift)
            start = text.rfind("\n", 0, start) + 1
            window = whole_lines(text[start:], int(budget * CHARS_PER_TOKEN * 1.2))
            if rng.random() < self.mix.fim:
                ids = self._code(rng, window, order, budget, before)
            if ids is None:
                ended = start + len(window) >= len(text)
                ids = [*before, *self.encode(window), *([ENDOFTEXT] if ended else [])]
        return ids[:budget]

    def _code(
        self, rng: Random, window: str, order: Order, budget: int, before: list[int]
    ) -> list[int] | None:
        for _ in range(_TRIES):
            span = choose_span(rng, window)
            if span is None:
                return None
            start, end = span
            hole = Hole(prefix=window[:start], middle=window[start:end], suffix=window[end:])
            ids = completion(self.encode, hole, order=order, budget=budget, before=before)
            if ids is not None:
                return ids
        return None

    def _docstring(self, rng: Random, order: Order, budget: int) -> list[int] | None:
        for _ in range(_TRIES):
            file = rng.choice(self.files)
            hole = docstring_hole(rng, self._text_of(file)) if file.path.endswith(".py") else None
            if hole is None:
                continue
            before = header(self.encode, file.path) if rng.random() < self.mix.header else []
            ids = docstring(self.encode, hole, order=order, budget=budget, before=before)
            if ids is not None:
                return ids
        return None

    def _fix(self, rng: Random, order: Order, budget: int) -> list[int] | None:
        if self.fixes is None or not len(self.fixes):
            return None
        for _ in range(_TRIES):
            bug = self.fixes.draw(rng)
            before = header(self.encode, bug.path) if rng.random() < self.mix.header else []
            ids = fix(
                self.encode,
                bug.hole,
                diagnostic=bug.diagnostic,
                faulty=bug.faulty,
                order=order,
                budget=budget,
                before=before,
            )
            if ids is not None:
                return ids
        return None

    def _header(self, rng: Random, index: int, budget: int) -> list[int]:
        file = self.files[index]
        snippets = []
        if rng.random() < self.mix.snippet:
            first, end = self._siblings[file.source]
            # neighbours in the listing are neighbours in the tree
            other = min(max(index + rng.randint(-6, 6), first), end - 1)
            if other != index:
                text = self._text_of(self.files[other])
                start = text.rfind("\n", 0, rng.randrange(len(text))) + 1
                text = keep_head(
                    self.encode,
                    text[start : start + int(budget * _SNIPPET_SHARE * CHARS_PER_TOKEN * 1.5)],
                    int(budget * _SNIPPET_SHARE * rng.uniform(0.3, 1.0)),
                )
                if text.strip():
                    snippets.append(Snippet(path=self.files[other].path, text=text))
        return header(self.encode, file.path, snippets)
