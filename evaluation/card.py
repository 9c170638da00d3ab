"""All figures of a model card in one run: `python -m evaluation card MODEL ...`.

Each benchmark that its data are given for runs as `mixline eval` runs it, one after the other, and
its table is printed under a heading as soon as it is there. A killed run goes on where it was.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from evaluation import (
    against,
    bits,
    experts,
    gate,
    humaneval,
    infilling,
    memorisation,
    next_line,
)
from evaluation.options import Options, benchmark_config
from evaluation.repositories import read_repositories

BITS_FILES: Final = 250  # of the held-out repositories
_AGAINST_FILES: Final = 100
Section: TypeAlias = tuple[str, Callable[[], str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOptions:
    """Which model on what; a benchmark without its data is left out."""

    model: Path
    threads: int
    heldout: Path | None = None  # folder of repositories: bits, next-line, gate, experts
    data: Path | None = None  # folder of HumanEval-like problems: infilling, humaneval
    corpus: Path | None = None  # what the model was trained on: memorisation
    against: Path | None = None  # the same checkpoint exported otherwise: the cost of int4
    limit: int | None = None  # of each benchmark, to try it out


def sections(options: CardOptions) -> Iterator[Section]:
    """Yield the heading of each benchmark and what measures it and returns its table."""

    def settings(data: Path | None, limit: int | None = None) -> Options:
        return Options(
            model=options.model,
            config=benchmark_config(options.threads),
            data=data,
            limit=options.limit or limit,
        )

    heldout, corpus, other = options.heldout, options.corpus, options.against
    if heldout is not None:
        whole, some = settings(heldout), settings(heldout, BITS_FILES)
        yield "Bits per byte", lambda: bits.table(bits.evaluate(some))
        yield "The rest of a line", lambda: next_line.table(next_line.evaluate(whole))
        yield "What is shown", lambda: gate.table(gate.evaluate(whole))
        yield "Experts", lambda: _experts(options.model, heldout, options.threads)
    if heldout is not None and other is not None:
        few = settings(heldout, _AGAINST_FILES)
        yield (
            "Against another export of the checkpoint",
            lambda: against.table(against.evaluate(few, other)),
        )
    for path in [] if options.data is None else sorted(options.data.glob("*.jsonl*")):
        problems = settings(path)
        if "Infilling" in path.name:
            yield path.name, _infilling(problems)
        else:
            yield path.name, _humaneval(problems)
    if corpus is not None:
        trained = settings(corpus)
        yield "Memorisation", lambda: memorisation.table(memorisation.evaluate(trained))


def _infilling(options: Options) -> Callable[[], str]:
    return lambda: infilling.table(infilling.evaluate(options))


def _humaneval(options: Options) -> Callable[[], str]:
    return lambda: humaneval.table(humaneval.evaluate(options))


def _experts(model: Path, heldout: Path, threads: int) -> str:
    repositories = read_repositories(heldout)
    tokens = experts.DEFAULT_TOKENS
    return experts.table(experts.count_choices(model, repositories, tokens=tokens, threads=threads))
