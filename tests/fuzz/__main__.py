"""Runs the fuzzer: `make fuzz`, or `python -m tests.fuzz --seed 1 --rounds 50`.

Round n of a seed is the same whatever ran before it, so `--first` resumes a run and repeats a
failure: `python -m tests.fuzz --seed 1 --first 1234 --rounds 1`.
"""

import argparse
import faulthandler
import sys
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np

import inference.ops
from tests.fuzz.cached_attention import AttentionRound
from tests.fuzz.expert_ffn import FfnRound
from tests.fuzz.harness import Round, run_round
from tests.fuzz.router import RouterRound

KINDS = (RouterRound, FfnRound, AttentionRound)
CASES = 250  # of a round: opening a session costs as much as some twenty of them
SHOWN = 20  # failures


def draw_round(seed: int, number: int) -> tuple[Round, np.random.Generator]:
    """Return a round and the source of its cases."""
    rng = np.random.default_rng((seed, number))
    return KINDS[number % len(KINDS)](rng), rng


def fuzz(seed: int, first: int, rounds: int, cases: int) -> tuple[Counter[str], list[str]]:
    """Return how many cases each operator had, and what went wrong."""
    ran: Counter[str] = Counter()
    failures = []
    for number in range(first, first + rounds):
        one, rng = draw_round(seed, number)
        if sys.stderr.isatty():
            print(f"\rround {number}, {ran.total()} cases ", end="", file=sys.stderr, flush=True)
        for index, told in enumerate(run_round(one, rng, cases)):
            ran[one.op] += 1
            if told:
                place = f"--seed {seed} --first {number} --rounds 1, case {index}"
                failures.append(f"{one.op} {dict(one.attributes)}: {told} ({place})")
    return ran, failures


def main(words: Sequence[str] | None = None) -> int:
    """Fuzz; exit status 1 if anything was not as documented."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, metavar="ROUND")
    parser.add_argument("--rounds", type=int, default=480)
    parser.add_argument("--cases", type=int, default=CASES, help="of one round")
    parser.add_argument("--operators", metavar="DIR", help="folder of another operator library")
    arguments = parser.parse_args(words)
    if arguments.operators:
        inference.ops.__path__.insert(0, arguments.operators)
    faulthandler.enable()
    started = time.monotonic()
    ran, failures = fuzz(arguments.seed, arguments.first, arguments.rounds, arguments.cases)
    for failure in failures[:SHOWN]:
        print(failure)
    counts = ", ".join(f"{count} {name}" for name, count in sorted(ran.items()))
    seconds = time.monotonic() - started
    print(f"{ran.total()} cases ({counts}) in {seconds:.0f} s, {len(failures)} not as documented")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
