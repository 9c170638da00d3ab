"""Measures a checkpoint on held-out repositories: bits per byte, exact lines, expert shares."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

import torch
from tokenizers import Tokenizer

from training.corpus import Corpus, File
from training.format import Hole, completion, header
from training.heldout import bits_per_byte, sample_files
from training.model import Model
from training.tokenizer import ENDOFTEXT

Place = Literal["line start", "mid-line"]
_BUDGET_SHARE = 0.75
_AROUND_CHARS = 6_000
_Z95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share with its 95 % interval (Wilson's score interval)."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """Hits over all."""
        return self.hits / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds of the share; (0, 1) when nothing was measured."""
        if not self.n:
            return 0.0, 1.0
        p, n, z = self.value, self.n, _Z95
        centre = p + z * z / (2 * n)
        spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        scale = 1 + z * z / n
        return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def cursors(corpus: Corpus, place: Place, *, count: int, seed: int) -> Iterator[tuple[File, Hole]]:
    """Draws cursors in held-out files; the hole is the rest of the line behind the cursor."""
    rng = Random(f"{seed}/{place}")  # noqa: S311 - reproducible, not secret
    files = sample_files(corpus, 10**9, seed)
    by_source: dict[str, list[File]] = {}
    for file in files:
        by_source.setdefault(file.source, []).append(file)
    sources = sorted(by_source)
    for number in range(count):
        while True:
            file = rng.choice(by_source[sources[number % len(sources)]])
            hole = _cursor(rng, corpus.read(file), place)
            if hole is not None:
                yield file, hole
                break


def _cursor(rng: Random, text: str, place: Place) -> Hole | None:
    lines = text.split("\n")
    index = rng.randrange(len(lines))
    line = lines[index]
    indent = len(line) - len(line.lstrip())
    if len(line.strip()) < 4 or line.lstrip().startswith("#"):  # noqa: PLR2004 - nothing to guess
        return None
    column = indent if place == "line start" else rng.randrange(indent + 1, len(line.rstrip()))
    start = sum(len(other) + 1 for other in lines[:index]) + column
    end = start + len(line) - column
    return Hole(
        prefix=text[max(0, start - _AROUND_CHARS) : start],
        middle=text[start:end],
        suffix=text[end : end + _AROUND_CHARS],
    )


def exact_lines(
    model: Model, tokenizer: Tokenizer, corpus: Corpus, place: Place, *, count: int, seed: int = 1
) -> Rate:
    """Counts the cursors where greedy decoding, stopped at the end of the line, writes its rest.

    One forward pass a cursor suffices: greedy decoding writes the expected tokens if and only if
    each of them is the first choice behind those before it.
    """

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    budget = int(model.config.context * _BUDGET_SHARE)
    hits = 0
    for file, hole in cursors(corpus, place, count=count, seed=seed):
        before = header(encode, file.path)
        ids = completion(encode, hole, order="spm", budget=budget, before=before)
        if ids is None:
            continue  # a line too long to fit counts as missed
        expected = encode(hole.middle)
        with torch.no_grad():
            x, _, _ = model.hidden_states(torch.tensor([ids[:-1]]))
            first = (x[0, -len(expected) - 1 :] @ model.embedding.T).argmax(dim=-1)
        hits += writes_line(tokenizer, expected, first.tolist())
    return Rate(hits=hits, n=count)


def writes_line(tokenizer: Tokenizer, expected: list[int], first: list[int]) -> bool:
    """Says whether the first choices behind each expected token write the line and end it.

    The line ends with <|endoftext|> or with a newline, which one token may hold together with the
    line's last characters.

    Args:
        tokenizer: decodes.
        expected: the tokens of the rest of the line.
        first: the first choice at the place of each of them, and of what follows.
    """
    for place, choice in enumerate(first):
        if place < len(expected) and choice == expected[place]:
            continue
        if choice == ENDOFTEXT:
            return place == len(expected)
        text: str = tokenizer.decode([choice])
        rest: str = tokenizer.decode(expected[place:])
        return "\n" in text and text.split("\n", 1)[0] == rest
    return False


def measure(
    model: Model, tokenizer: Tokenizer, corpus: Corpus, *, num_files: int, positions: int
) -> dict[str, object]:
    """Gives every figure as plain data, for the model card."""
    texts = [corpus.read(file) for file in sample_files(corpus, num_files)]
    bits, load = bits_per_byte(model, tokenizer, texts, context=model.config.context)
    shares = [share * model.config.experts for layer in load for share in layer]
    result: dict[str, object] = {
        "bits_per_byte": round(bits, 4),
        "files": len(texts),
        "bytes": sum(len(text.encode()) for text in texts),
        "expert_share_of_fair": [round(min(shares), 3), round(max(shares), 3)],
    }
    places: tuple[Place, ...] = ("line start", "mid-line")
    for place in places:
        rate = exact_lines(model, tokenizer, corpus, place, count=positions)
        result[place] = {
            "n": rate.n,
            "exact_rate": round(rate.value, 4),
            "exact_ci95": [round(bound, 4) for bound in rate.interval],
        }
    return result
