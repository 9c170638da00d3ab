"""Replays days of editing: `make soak`, or `python -m tests.soak --minutes 20`.

The real server with the shipped model runs in a process of its own and is spoken to over stdio.
Work and rests take turns; behind each rest the server is weighed. It fails if memory at rest grows,
if threads, descriptors or child processes become more, if the server is not idle when it rests, or
if anything was answered with an error.
"""

import argparse
import contextlib
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inference import default_model
from tests.lsp_server.conftest import TIMEOUT_S, Servers
from tests.soak.day import LANGUAGES, Day
from tests.soak.process import Held, cpu_seconds, held_by, idle_share

ROOT: Final = Path(__file__).resolve().parents[2]
COPIED: Final = ("lsp_server", "inference", "vscode-extension/src", "nvim/lua")
WARM_UP: Final = 0.25  # of the rows: caches fill, and every kind of work was done once
MOST_GROWTH: Final = 0.02  # of memory at rest, from the first third behind the warm-up to the last
MOST_IDLE: Final = 0.02  # of one core
_REST_S: Final = 12.0  # within which memory goes back to the system: see lsp_server/rest.py
_WATCHED_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The server at rest, and what it did since the last rest."""

    minutes: float
    held: Held
    kv_kib: int  # keys and values of prompts: part of it, up to a budget
    idle: float  # share of a core
    answers: int
    median_ms: float
    p99_ms: float
    cpu_ms: float  # of the server for each answer

    def __str__(self) -> str:
        held = self.held
        return (
            f"| {self.minutes:.1f} | {held.resident_kib / 1024:.1f}"
            f" | {held.anonymous_kib / 1024:.1f} | {self.kv_kib / 1024:.1f}"
            f" | {held.threads} | {held.descriptors} | {held.children} | {100 * self.idle:.1f} %"
            f" | {self.answers} | {self.median_ms:.0f} | {self.p99_ms:.0f} | {self.cpu_ms:.0f} |"
        )


_COLUMNS: Final = (
    *("minute", "resident MB", "anonymous MB", "of it KV", "threads", "descriptors", "children"),
    *("CPU at rest", "answers", "median ms", "p99 ms", "CPU ms an answer"),
)
HEAD: Final = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"


def verdict(rows: Sequence[Row]) -> list[str]:
    """Return what was not as promised; fewer than 12 rows say nothing of growth."""
    wrong = [
        f"minute {row.minutes:.1f}: idle at {row.idle:.1%}" for row in rows if row.idle > MOST_IDLE
    ]
    rows = rows[int(WARM_UP * len(rows)) :]
    third = len(rows) // 3
    if third < 3:
        return wrong
    first, last = rows[:third], rows[-third:]
    before, after = (
        statistics.median(row.held.anonymous_kib for row in part) for part in (first, last)
    )
    if after > before * (1 + MOST_GROWTH):
        wrong.append(f"memory grew from {before:.0f} KiB to {after:.0f}")
    for name in ("threads", "descriptors", "children"):
        most, now = (max(getattr(row.held, name) for row in part) for part in (first, last))
        if now > most:
            wrong.append(f"{name} grew from {most} to {now}")
    return wrong


def soak(
    folder: Path, *, seed: int, minutes: float, interval_s: float, files: int = 1
) -> tuple[list[Row], Day]:
    """Work, rest and look, until the time is over; prints a row for each look.

    Args:
        folder: for the workspace, the state and the log.
        seed: of the day.
        minutes: after which it ends.
        interval_s: of work between two rests.
        files: that are worked on between two rests at least.
    """
    workspace = folder / "work"
    for name in COPIED:
        for path in (ROOT / name).rglob("*"):
            if path.suffix in LANGUAGES:
                target = workspace / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
    rows: list[Row] = []
    with contextlib.closing(Servers(folder)) as servers:
        client = servers.stdio(default_model())
        capabilities = {
            "textDocument": {
                "inlineCompletion": {},
                "codeAction": {"resolveSupport": {"properties": ["edit"]}, "dataSupport": True},
            },
            "workspace": {"workspaceEdit": {"documentChanges": True}},
        }
        options = {"trusted": True, "settings": {"history": True}}
        client.initialize(
            rootUri=workspace.as_uri(), capabilities=capabilities, initializationOptions=options
        )
        client.wait_ready()
        server = servers.processes[0]
        pid = server.process.pid
        day = Day(client, workspace, random.Random(seed))  # noqa: S311 - to be repeated
        started = time.monotonic()
        while not rows or time.monotonic() < started + 60 * minutes:
            day.forget()
            used, begun, done = cpu_seconds(pid), time.monotonic(), 0
            while done < files or time.monotonic() < begun + interval_s:
                day.work_on_a_file()
                done += 1
            used = cpu_seconds(pid) - used
            rows.append(_look(pid, day, used, started))
            print(rows[-1], flush=True)
        day.end()
        client.shut_down()
        status = server.process.wait(TIMEOUT_S)
        if status or "Traceback" in server.stderr():
            day.problems.append(f"it ended with {status} and said {server.stderr()[-2000:]}")
    return rows, day


def _look(pid: int, day: Day, used_s: float, started: float) -> Row:
    """Wait for the rest, and weigh the server then."""
    day.rest()
    time.sleep(_REST_S)
    end = time.monotonic() + TIMEOUT_S
    # It still reads ahead, takes texts over, and searches for fixes.
    while (idle := idle_share(pid, _WATCHED_S)) > MOST_IDLE and time.monotonic() < end:
        pass
    taken = sorted(day.answered_ms)
    return Row(
        minutes=(time.monotonic() - started) / 60,
        held=held_by(pid),
        kv_kib=day.kv_bytes() >> 10,
        idle=idle,
        answers=len(taken),
        median_ms=statistics.median(taken) if taken else 0.0,
        p99_ms=taken[int(0.99 * len(taken))] if taken else 0.0,
        cpu_ms=1e3 * used_s / max(1, len(taken)),
    )


def main(words: Sequence[str] | None = None) -> int:
    """Soak; exit status 1 if anything was not as promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--interval", type=float, default=20.0, metavar="SECONDS", help="of work")
    arguments = parser.parse_args(words)
    print(HEAD)
    with tempfile.TemporaryDirectory(prefix="mixline-soak-") as name:
        rows, day = soak(
            Path(name),
            seed=arguments.seed,
            minutes=arguments.minutes,
            interval_s=arguments.interval,
        )
    wrong = verdict(rows) + day.problems
    print(", ".join(f"{count} {what}" for what, count in day.did.most_common()))
    print(f"{len(wrong)} failures", *wrong[:20], sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
