"""`mixline eval bits --against DIR`: what one export of a model costs beside another one.

Both read the same windows of the same files. The cost is how many more bits the model needs than
the other; the agreement is the share of tokens at which both have the same first choice. Both come
with intervals over files, which are paired: a file that is hard for one is hard for the other.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.bits import MAX_WINDOW, SEED, draw_files, num_bytes, windows
from evaluation.errors import DataError
from evaluation.intervals import Interval, ratio_interval, rounded
from evaluation.options import Options
from evaluation.progress import Progress
from evaluation.repositories import read_repositories
from evaluation.resume import ResultCache, cache_file, measure_all, model_digest
from evaluation.subject import Subject, describe_subject, headline
from inference.model_dir import ModelDir
from inference.scoring import NATS_PER_BIT, Scorer


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One file, read by both."""

    bits: float
    other_bits: float
    agreeing: int  # tokens at which both have the same first choice
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstReport:
    """All figures of one run."""

    n: int  # files
    bytes: int
    tokens: int
    bits_per_byte: float
    other_bits_per_byte: float
    cost: float  # bits of the model / bits of the other - 1
    cost_ci95: Interval
    agreement: float
    agreement_ci95: Interval
    window: int  # tokens
    seed: int
    subject: Subject
    other: Subject


def evaluate(options: Options, other: Path) -> AgainstReport:
    """Read all files, or `limit` of them as `bits` draws them, with both models.

    Raises:
        DataError: no repositories there, or the models have different tokenizers.
        MixlineError: a model cannot be opened or run.
    """
    files = draw_files(read_repositories(options.data), options.limit)
    one = Scorer.open(options.model, options.config.threads)
    two = Scorer.open(other, options.config.threads)
    tokenizers = [ModelDir.open(model).tokenizer.read_bytes() for model in (options.model, other)]
    if tokenizers[0] != tokenizers[1]:
        raise DataError(
            f"expected {other} to have the tokenizer of {options.model}, it has another one; bits"
            " compare token by token only between exports of one model"
        )
    window = min(one.context, two.context, MAX_WINDOW)
    parameters = {"window": window, "against": model_digest(other)}
    with (
        ResultCache(
            cache_file("against", options.model, parameters), Compared, fresh=options.fresh
        ) as cache,
        Progress("bits", sum(map(num_bytes, files))) as progress,
    ):
        compared = measure_all(
            files,
            key=lambda file: file.digest,
            measure=lambda file: compare(one, two, file.text, window),
            cache=cache,
            progress=progress,
            size=num_bytes,
        )
    size, tokens = sum(map(num_bytes, files)), [float(file.tokens) for file in compared]
    bits, other_bits = [file.bits for file in compared], [file.other_bits for file in compared]
    agreeing = [float(file.agreeing) for file in compared]
    low, high = ratio_interval(bits, other_bits)
    return AgainstReport(
        n=len(files),
        bytes=size,
        tokens=sum(file.tokens for file in compared),
        bits_per_byte=rounded(sum(bits) / size),
        other_bits_per_byte=rounded(sum(other_bits) / size),
        cost=rounded(sum(bits) / sum(other_bits) - 1),
        cost_ci95=(rounded(low - 1), rounded(high - 1)),
        agreement=rounded(sum(agreeing) / sum(tokens)),
        agreement_ci95=ratio_interval(agreeing, tokens),
        window=window,
        seed=SEED,
        subject=describe_subject(options.model, options.data),
        other=describe_subject(other, options.data),
    )


def compare(one: Scorer, two: Scorer, text: str, window: int) -> Compared:
    """Read a whole text with both models.

    Raises:
        MixlineError: a model failed.
    """
    ids = [one.start_id, *one.tokenizer.encode(text)]
    nats = [0.0, 0.0]
    agreeing = 0
    for start, first, end in windows(len(ids), window):
        readings = [scorer.read(ids[start:end], first - start) for scorer in (one, two)]
        nats = [total + reading.nats for total, reading in zip(nats, readings, strict=True)]
        agreeing += int(np.count_nonzero(readings[0].choices == readings[1].choices))
    bits, other_bits = (total / NATS_PER_BIT for total in nats)
    return Compared(bits=bits, other_bits=other_bits, agreeing=agreeing, tokens=len(ids) - 1)


def table(report: AgainstReport) -> str:
    """Return the report for people."""
    low, high = report.cost_ci95
    first, last = report.agreement_ci95
    return f"""\
{headline(report.subject)}
against {headline(report.other)}
{report.n} files, {report.bytes} bytes, windows of {report.window} tokens with half overlap, \
{report.tokens} tokens, seed {report.seed}

| | value | 95 % interval |
|---|---|---|
| bits/byte | {report.bits_per_byte:.4f} | |
| bits/byte of the other | {report.other_bits_per_byte:.4f} | |
| bits more than the other | {report.cost:+.2%} | {low:+.2%} to {high:+.2%} |
| same first choice | {report.agreement:.2%} | {first:.2%} to {last:.2%} |"""
