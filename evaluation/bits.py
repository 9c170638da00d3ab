"""`mixline eval bits`: how many bits the model needs for each byte of held-out code.

Plain left-to-right text, whole files, no markers and no path before them. A file longer than the
window is read in windows that overlap by half: each token is scored once, behind at least half a
window of its own file, or behind all of the file that stands before it. Total bits over total UTF-8
bytes; a file's first token is scored behind the model's start token. With an effort below 1 every
file is scored twice, with all of the experts and with fewer.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from evaluation.intervals import Interval, ratio_interval, rounded
from evaluation.options import Options
from evaluation.progress import Progress
from evaluation.repositories import Repository, SourceFile, read_repositories
from evaluation.resume import ResultCache, cache_file, measure_all
from evaluation.subject import Subject, describe_subject, headline
from inference.scoring import NATS_PER_BIT, Scorer

SEED: Final = 20
MAX_WINDOW: Final = 4096  # tokens; of models with longer contexts, so that figures stay affordable


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What one file cost."""

    bits: float
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryBits:
    """One repository's share of the figure."""

    files: int
    bytes: int
    bits_per_byte: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EffortBits:
    """What a lower effort costs on the same files."""

    effort: float
    bits_per_byte: float
    change: float  # bits per byte more than with all experts
    change_ci95: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class BitsReport:
    """All figures of one run; the interval tells how much the draw of files matters."""

    n: int  # files
    bytes: int  # UTF-8
    tokens: int
    bits_per_byte: float
    bits_per_byte_ci95: Interval
    window: int  # tokens
    seed: int
    repositories: dict[str, RepositoryBits]
    lower_effort: EffortBits | None  # where it was asked for
    subject: Subject


def evaluate(options: Options) -> BitsReport:
    """Score all files, or `limit` of them, drawn with a fixed seed evenly over the repositories.

    Raises:
        DataError: no repositories there.
        MixlineError: the model cannot be opened or run.
    """
    files = draw_files(read_repositories(options.data), options.limit)
    scorer = Scorer.open(options.model, options.config.threads)
    window = min(scorer.context, MAX_WINDOW)

    def measure(effort: float) -> list[Scored]:
        parameters = {"window": window, "effort": effort}
        with (
            ResultCache(
                cache_file("bits", options.model, parameters), Scored, fresh=options.fresh
            ) as cache,
            Progress("bits", sum(num_bytes(file) for file in files)) as progress,
        ):
            return measure_all(
                files,
                key=lambda file: file.digest,
                measure=lambda file: score(scorer, file.text, window, effort),
                cache=cache,
                progress=progress,
                size=num_bytes,
            )

    scored = measure(1.0)
    pairs = list(zip(files, scored, strict=True))
    sizes = [float(num_bytes(file)) for file in files]
    cost = None
    if options.effort != 1.0:
        cost = _cost(options.effort, scored, measure(options.effort), sizes)
    return BitsReport(
        n=len(files),
        bytes=sum(map(num_bytes, files)),
        tokens=sum(one.tokens for one in scored),
        bits_per_byte=rounded(sum(one.bits for one in scored) / sum(sizes)),
        bits_per_byte_ci95=ratio_interval([one.bits for one in scored], sizes),
        window=window,
        seed=SEED,
        repositories={
            name: _summary([pair for pair in pairs if pair[0].repository == name])
            for name in dict.fromkeys(file.repository for file in files)
        },
        lower_effort=cost,
        subject=describe_subject(options.model, options.data),
    )


def draw_files(repositories: list[Repository], limit: int | None) -> list[SourceFile]:
    """Return all files, or `limit` of them, each repository giving one in turn."""
    if limit is None:
        return [file for repository in repositories for file in repository.files]
    piles = []
    for repository in repositories:
        rng = random.Random(f"{SEED}/{repository.name}")  # noqa: S311 - reproducible, not secret
        piles.append(rng.sample(repository.files, len(repository.files)))
    longest = max(map(len, piles))
    return [pile[turn] for turn in range(longest) for pile in piles if turn < len(pile)][:limit]


def score(scorer: Scorer, text: str, window: int, effort: float = 1.0) -> Scored:
    """Return the bits of a whole text.

    Raises:
        MixlineError: the model failed.
    """
    ids = [scorer.start_id, *scorer.tokenizer.encode(text)]
    nats = sum(
        scorer.nats(ids[start:end], first - start, effort)
        for start, first, end in windows(len(ids), window)
    )
    return Scored(bits=nats / NATS_PER_BIT, tokens=len(ids) - 1)


def windows(num_ids: int, window: int) -> Iterator[tuple[int, int, int]]:
    """Yield where each window starts, the first id that it scores, and where it ends."""
    first = 1
    while first < num_ids:
        start = 0 if first == 1 else first - window // 2
        end = min(num_ids, start + window)
        yield start, first, end
        first = end


def num_bytes(file: SourceFile) -> int:
    """Return the size of a file in UTF-8."""
    return len(file.text.encode())


def _summary(pairs: list[tuple[SourceFile, Scored]]) -> RepositoryBits:
    size = sum(num_bytes(file) for file, _ in pairs)
    return RepositoryBits(
        files=len(pairs),
        bytes=size,
        bits_per_byte=rounded(sum(scored.bits for _, scored in pairs) / size),
    )


def _cost(effort: float, full: list[Scored], less: list[Scored], sizes: list[float]) -> EffortBits:
    more = [one.bits - other.bits for one, other in zip(less, full, strict=True)]
    return EffortBits(
        effort=effort,
        bits_per_byte=rounded(sum(one.bits for one in less) / sum(sizes)),
        change=rounded(sum(more) / sum(sizes)),
        change_ci95=ratio_interval(more, sizes),
    )


def table(report: BitsReport) -> str:
    """Return the report for people."""
    low, high = report.bits_per_byte_ci95
    rows = [
        f"| {name} | {one.files} | {one.bytes} | {one.bits_per_byte:.4f} | |"
        for name, one in report.repositories.items()
    ]
    rows.append(
        f"| all | {report.n} | {report.bytes} | {report.bits_per_byte:.4f}"
        f" | {low:.4f} to {high:.4f} |"
    )
    if (cost := report.lower_effort) is not None:
        low, high = cost.change_ci95
        rows.append(
            f"\neffort {cost.effort:g}: {cost.bits_per_byte:.4f} bits/byte, {cost.change:+.4f}"
            f" ({low:+.4f} to {high:+.4f}, 95 % interval)"
        )
    return f"""\
{headline(report.subject)}
windows of {report.window} tokens with half overlap, {report.tokens} tokens, seed {report.seed}

| repository | files | bytes | bits/byte | 95 % interval |
|---|---|---|---|---|
""" + "\n".join(rows)
