"""`mixline doctor --experts`: how often a model chooses each expert of each layer, on given text.

An expert's fair share is what it would get if all experts of its layer were chosen equally often;
shares are told as multiples of it. Text is read plain, left to right, in pieces of the model's
context (4,096 tokens at most), each behind the start token.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from evaluation.bits import draw_files
from evaluation.heat_map import HeatMap
from evaluation.progress import Progress
from evaluation.repositories import Repository, SourceFile
from inference.errors import ModelDirectoryError
from inference.ops.library import count_experts, expert_counts
from inference.scoring import Scorer

LEAST_SHARE: Final = 0.2  # of the fair share; an expert below is hardly used
MOST_SHARE: Final = 3.0  # an expert above carries its layer
DEFAULT_TOKENS: Final = 20_000
_MAX_PIECE: Final = 4096  # tokens
_NAMED: Final = 8  # experts outside the limits that a table names


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerExperts:
    """One router's choices; E experts."""

    name: str  # of the router's node
    counts: tuple[int, ...]  # [E]
    min_share: float  # of the fair share
    max_share: float
    entropy: float  # of the choices, as a share of log2(E): 1 is even, 0 always the same expert
    unused: tuple[int, ...]  # experts never chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideShare:
    """An expert that gets under LEAST_SHARE or over MOST_SHARE of its fair share."""

    layer: int
    expert: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertsReport:
    """All layers, in the order in which the model runs them."""

    files: int
    tokens: int
    min_share: float
    max_share: float
    outside: tuple[OutsideShare, ...]
    layers: tuple[LayerExperts, ...]


def count_choices(
    model: Path, repositories: Sequence[Repository], *, tokens: int, threads: int
) -> ExpertsReport:
    """Run about `tokens` tokens of the files, taken evenly, through the model.

    Raises:
        MixlineError: the model cannot be opened or run, or has no routers.
    """
    scorer = Scorer.open(model, threads)
    files = draw_files(list(repositories), sum(len(one.files) for one in repositories))
    read: set[str] = set()
    done = 0
    count_experts(on=True)
    try:
        with Progress("experts", tokens) as progress:
            for file, ids in pieces(scorer, files):
                run = ids[: tokens - done + 1]  # the last one is not run, only foretold
                scorer.nats(run, len(run) - 1)
                read.add(file.digest)
                done += len(run) - 1
                progress.advance(len(run) - 1)
                if done >= tokens:
                    break
        counts = expert_counts()
    finally:
        count_experts(on=False)
    if not counts:
        raise ModelDirectoryError(
            f"expected a model with ExpertRouter nodes, found none in {model}"
        )
    return report_of(counts, files=len(read), tokens=done)


def pieces(scorer: Scorer, files: Sequence[SourceFile]) -> Iterator[tuple[SourceFile, list[int]]]:
    """Yield ids to run, the start token first: each file's first piece, then each one's second."""
    size = min(scorer.context, _MAX_PIECE) - 1

    def of(file: SourceFile) -> Iterator[tuple[SourceFile, list[int]]]:
        ids = scorer.tokenizer.encode(file.text)
        for start in range(0, len(ids), size):
            yield file, [scorer.start_id, *ids[start : start + size]]

    waiting = deque(map(of, files))
    while waiting:
        turn = waiting.popleft()
        for piece in islice(turn, 1):
            yield piece
            waiting.append(turn)


def report_of(counts: dict[str, tuple[int, ...]], *, files: int, tokens: int) -> ExpertsReport:
    """Return the shares that go with the counts of each router."""
    shares = [_shares(one) for one in counts.values()]
    return ExpertsReport(
        files=files,
        tokens=tokens,
        min_share=round(min(map(min, shares)), 4),
        max_share=round(max(map(max, shares)), 4),
        outside=tuple(
            OutsideShare(layer=layer, expert=expert, share=round(share, 4))
            for layer, one in enumerate(shares)
            for expert, share in enumerate(one)
            if not LEAST_SHARE <= share <= MOST_SHARE
        ),
        layers=tuple(
            LayerExperts(
                name=name,
                counts=one,
                min_share=round(min(_shares(one)), 4),
                max_share=round(max(_shares(one)), 4),
                entropy=round(_entropy(one), 4),
                unused=tuple(expert for expert, count in enumerate(one) if count == 0),
            )
            for name, one in counts.items()
        ),
    )


def heat_map(report: ExpertsReport) -> HeatMap:
    """Return the picture: a row for each layer, a column for each expert."""
    rows = [_shares(layer.counts) for layer in report.layers]
    widest = max(map(len, rows))
    values = np.full((len(rows), widest), np.nan)
    for index, row in enumerate(rows):
        values[index, : len(row)] = row
    return HeatMap(
        title=f"Choices of each expert, {report.tokens:,} tokens",
        x_label="expert",
        y_label="layer",
        scale_label="times the fair share",
        values=values,
    )


def table(report: ExpertsReport) -> str:
    """Return the report for people."""
    rows = [
        f"| {index} | {layer.min_share:.0%} | {layer.max_share:.0%} | {layer.entropy:.3f}"
        f" | {len(layer.unused)} |"
        for index, layer in enumerate(report.layers)
    ]
    limits = f"{LEAST_SHARE:.0%} to {MOST_SHARE:.0%} of its fair share"
    verdict = f"every expert of every layer gets {limits}"
    if report.outside:
        named = ", ".join(
            f"layer {one.layer} expert {one.expert} ({one.share:.0%})"
            for one in report.outside[:_NAMED]
        )
        others = len(report.outside) - _NAMED
        more = f" and {others} more" if others > 0 else ""
        verdict = f"expected {limits} for every expert, not so: {named}{more}"
    return f"""\
{report.tokens:,} tokens of {report.files} files; shares are of the fair share

| layer | least used | most used | entropy | unused experts |
|---|---|---|---|---|
""" + "\n".join([*rows, verdict])


def _shares(counts: Sequence[int]) -> list[float]:
    """Return each count as a multiple of their mean; zeros where nothing was chosen."""
    total = sum(counts)
    return [count * len(counts) / total if total else 0.0 for count in counts]


def _entropy(counts: Sequence[int]) -> float:
    if len(counts) == 1:
        return 1.0
    total = sum(counts)
    parts = [count / total for count in counts if count]
    return -sum(part * math.log2(part) for part in parts) / math.log2(len(counts))
