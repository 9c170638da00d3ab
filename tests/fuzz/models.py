"""Opens hostile model directories: `python -m tests.fuzz.models --cases 100000`.

Each must be refused with one of our own errors, in one line, or load and complete something. Cases
run in batches, each in a process of its own: one that crashes or hangs is recorded with its number,
and the next batch goes on behind it. Case n of a seed is the same whatever ran before it.
"""

import argparse
import os
import random
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from evaluation.operators.load import process_memory
from inference import CompletionRequest, Engine, EngineConfig, MixlineError
from tests.fuzz.hostile_models import clear, make_base, make_case

BATCH: Final = 1000
WEIGHTS: Final = ("int4", "fp32")
SHOWN: Final = 20
_CASE_S: Final = 60.0  # that a case may take
_MOST_BYTES: Final = 8 * 2**30  # of address space: what asks for more is refused, not served
_MOST_RESIDENT_KIB: Final = 2**20
_SECRET: Final = b"what lies outside of the directory"


@dataclass(slots=True)
class Told:
    """What a run has done."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    resident_kib: int = 0  # the most that a batch has held


def try_case(bases: Sequence[Path], folder: Path, seed: int, number: int) -> tuple[str, str]:
    """Make one case and open it; returns the outcome and, if it is not as promised, why."""
    draw = random.Random(f"{seed} {number}")  # noqa: S311 - to be repeated
    done = make_case(bases[number % len(bases)], folder, draw)
    try:
        with Engine.open(folder, EngineConfig(threads=1, kv_budget_tokens=512)) as engine:
            request = CompletionRequest(
                document="x", path="x.py", prefix="def f(", suffix=")\n", max_tokens=3
            )
            try:
                engine.submit(request).future.result(_CASE_S)
            except MixlineError as error:
                return "refused while running", _wrong_words(error)
            else:
                return "loaded", ""
    except MixlineError as error:
        return f"refused: {type(error).__name__}", _wrong_words(error)
    except Exception as error:  # noqa: BLE001 - which is what is looked for
        return "failed", f"{type(error).__name__}: {error} ({', '.join(done)})"
    finally:
        clear(folder)


def _wrong_words(error: MixlineError) -> str:
    text = str(error)
    return f"no clear line: {text[:300]!r}" if "\n" in text or not 10 < len(text) < 1500 else ""


def child(bases: Sequence[Path], work: Path, seed: int, first: int, count: int) -> int:
    """Try cases one after another, each announced before it is tried."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in range(first, first + count):
        print(number, end=" ", flush=True)
        outcome, wrong = try_case(bases, work / "case", seed, number)
        print(f"{outcome}\t{wrong[:1000]!a}", flush=True)
    maps = Path("/proc/self/maps").read_text()
    foreign = [line for line in maps.splitlines() if str(work) in line and "weights" not in line]
    # Not `ru_maxrss`, which is that of the process that started this one, where it was larger.
    peak = process_memory().peak // 1024
    print(f"end {peak} {len(foreign)}", flush=True)
    return 0


def fuzz(
    *, seed: int, first: int, cases: int, limit_s: float = float("inf"), batch: int = BATCH
) -> Told:
    """Try so many cases, or as many as the time allows."""
    told = Told()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mixline-models-") as name:
        folder = Path(name)
        bases = [make_base(folder / weights, weights) for weights in WEIGHTS]
        work = folder / "work"
        work.mkdir()
        (work / "secret").write_bytes(_SECRET)
        number = first
        while number < first + cases and time.monotonic() < started + limit_s:
            count = min(batch, first + cases - number)
            number = _run_batch(told, bases, work, seed, number, count)
            if (work / "secret").read_bytes() != _SECRET or [*work.iterdir()] != [work / "secret"]:
                told.failures.append(f"something outside was written before case {number}")
                break
            if sys.stderr.isatty():
                print(f"\r{number} ", end="", file=sys.stderr)
    return told


def _run_batch(
    told: Told, bases: Sequence[Path], work: Path, seed: int, first: int, count: int
) -> int:
    """Run a batch and return the number of the first case that it has not tried."""
    command = [sys.executable, "-m", "tests.fuzz.models", "--child", str(work), *map(str, bases)]
    command += ["--seed", str(seed), "--first", str(first), "--cases", str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    tried = first - 1
    ended = False
    for line in _lines(process):
        word, _, rest = line.partition(" ")
        if word == "end":
            peak, foreign = map(int, rest.split())
            told.resident_kib = max(told.resident_kib, peak)
            if peak > _MOST_RESIDENT_KIB or foreign:
                told.failures.append(f"batch from {first}: {peak} KiB, {foreign} foreign mappings")
            ended = True
            break
        tried = int(word)
        outcome, _, wrong = rest.partition("\t")
        told.outcomes[outcome] += 1
        if wrong != "''":
            told.failures.append(f"--seed {seed} --first {tried} --cases 1: {outcome}: {wrong}")
    process.kill()
    status = process.wait()
    process.stdout.close()
    if ended:
        return first + count
    told.failures.append(f"--seed {seed} --first {tried + 1} --cases 1: ended with {status}")
    told.outcomes["crashed or hung"] += 1
    if (work / "case").exists():
        clear(work / "case")
    return tried + 2


def _lines(process: "subprocess.Popen[bytes]") -> Iterator[str]:
    """Yield what a batch says, until it ends or says nothing for too long."""
    assert process.stdout is not None
    buffer = b""
    while select.select([process.stdout], [], [], _CASE_S * 2)[0]:
        data = os.read(process.stdout.fileno(), 1 << 16)
        if not data:
            return
        *lines, buffer = (buffer + data).split(b"\n")
        yield from (line.decode() for line in lines)


def main(words: Sequence[str] | None = None) -> int:
    """Fuzz; exit status 1 if anything was not as promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.models", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, metavar="CASE")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="at most")
    parser.add_argument("--child", nargs="+", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.child:
        work, *bases = arguments.child
        return child(bases, work, arguments.seed, arguments.first, arguments.cases)
    started = time.monotonic()
    told = fuzz(
        seed=arguments.seed,
        first=arguments.first,
        cases=arguments.cases,
        limit_s=60 * arguments.minutes,
    )
    for failure in told.failures[:SHOWN]:
        print(failure)
    counts = ", ".join(f"{count} {name}" for name, count in sorted(told.outcomes.items()))
    print(
        f"{told.outcomes.total()} model directories from {arguments.first} on ({counts}),"
        f" at most {told.resident_kib >> 10} MB, {time.monotonic() - started:.0f} s,"
        f" {len(told.failures)} failures"
    )
    return 1 if told.failures else 0


if __name__ == "__main__":
    sys.exit(main())
