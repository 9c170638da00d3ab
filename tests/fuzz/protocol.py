"""Fuzzes the language server: `python -m tests.fuzz.protocol --messages 1000000`.

A round is a session of some hundred messages; round n of a seed sends the same whatever ran before
it, so `--first` resumes a run and repeats a failure (what the server's threads do meanwhile may
differ). Rounds share one process and one engine, whose memory is watched.
"""

import argparse
import asyncio
import ctypes
import faulthandler
import gc
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from inference import default_model
from tests.fuzz.hosted import Hosted, play

ROUND: Final = 1000  # messages
WEIGHED: Final = 10  # rounds between two looks at the memory
SHOWN: Final = 20
_FEWEST: Final = 5  # times that a third of a run is weighed, to be judged
_MOST_GROWTH: Final = 0.05
FILES: Final = {
    "seen.py": "import os\n\n\ndef first(a, b):\n    return a + b\n" * 5,
    "other.ts": "export const value = [1, 2, 3];\n" * 5,
    ".env": "TOKEN=secret\n",
    ".gitignore": "ignored.py\n",
    "ignored.py": "hidden = 1\n",
}


@dataclass(slots=True)
class Told:
    """What a run has done."""

    messages: int = 0
    suggestions: int = 0
    rounds: int = 0
    failures: list[str] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)  # KiB, every so many rounds


def fuzz(
    model: Path, *, seed: int, first: int, messages: int, limit_s: float = float("inf")
) -> Told:
    """Play rounds until so many messages were sent, or the time is over."""
    told = Told()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mixline-fuzz-") as name:
        work = Path(name) / "work"
        work.mkdir()
        for file, text in FILES.items():
            (work / file).write_text(text)
        os.environ["XDG_STATE_HOME"] = str(Path(name) / "state")
        hosted = Hosted(model)
        try:
            while told.messages < messages and time.monotonic() < started + limit_s:
                number = first + told.rounds
                draw = random.Random(f"{seed} {number}")  # noqa: S311 - to be repeated
                session = asyncio.run(play(hosted, draw, work.as_uri(), ROUND))
                told.rounds += 1
                told.messages += session.sent
                told.suggestions += session.suggestions
                place = f"--seed {seed} --first {number} --messages 1"
                told.failures += [f"{one} ({place})" for one in session.problems]
                if told.rounds % WEIGHED == 0:
                    told.resident.append(resident_kib())
                if sys.stderr.isatty():
                    print(f"\rround {number}, {told.messages} ", end="", file=sys.stderr)
        finally:
            hosted.close()
    if (grown := growth(told.resident)) > _MOST_GROWTH:
        told.failures.append(f"memory grew by {grown:.1%} in the last third of the run")
    return told


def growth(resident: Sequence[int]) -> float:
    """Return by how much the last third of a run held more than the one before it.

    Warming up takes the first third, and a run of few rounds: 0 where too little was weighed.
    """
    third = len(resident) // 3
    if third < _FEWEST:
        return 0.0
    return median(resident[-third:]) / median(resident[-2 * third : -third]) - 1


def resident_kib() -> int:
    """Return how much memory this process holds, without what the allocator keeps of the freed."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def main(words: Sequence[str] | None = None) -> int:
    """Fuzz; exit status 1 if anything was not as promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.protocol", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, metavar="ROUND")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="at most")
    arguments = parser.parse_args(words)
    faulthandler.enable()
    started = time.monotonic()
    told = fuzz(
        default_model(),
        seed=arguments.seed,
        first=arguments.first,
        messages=arguments.messages,
        limit_s=60 * arguments.minutes,
    )
    for failure in told.failures[:SHOWN]:
        print(failure)
    print(
        f"{told.messages} messages in {told.rounds} rounds from {arguments.first} on,"
        f" {told.suggestions} suggestions, {time.monotonic() - started:.0f} s,"
        f" {len(told.failures)} failures"
    )
    print(f"MB behind every {WEIGHED}th round:", *(kib >> 10 for kib in told.resident))
    return 1 if told.failures else 0


if __name__ == "__main__":
    sys.exit(main())
