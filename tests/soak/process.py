"""What a process holds and uses, from /proc: memory, threads, descriptors, children, CPU time."""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a process holds at one moment."""

    resident_kib: int
    anonymous_kib: int  # without mapped files, the model's weights among them
    threads: int
    descriptors: int
    children: int  # and theirs


def held_by(pid: int) -> Held:
    """Look at a process that runs."""
    folder = Path(f"/proc/{pid}")
    lines = (folder / "status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return Held(
        resident_kib=int(status["VmRSS"].split()[0]),
        anonymous_kib=int(status["RssAnon"].split()[0]),
        threads=int(status["Threads"]),
        descriptors=len([*(folder / "fd").iterdir()]),
        children=len(_descendants(pid)),
    )


def cpu_seconds(pid: int) -> float:
    """Return the processor time of all of a process' threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def idle_share(pid: int, seconds: float) -> float:
    """Return the share of one core that a process uses while this one waits."""
    before, started = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - started)


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended meanwhile
            for child in map(int, task.read_text().split()):
                found += [child, *_descendants(child)]
    return found
