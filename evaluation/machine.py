"""What a figure was measured on: processor, memory, load, and the read bandwidth of that moment."""

import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BANDWIDTH_BYTES = 512 << 20  # several times any last-level cache of a desktop
BANDWIDTH_ROUNDS = 3
GIGABYTE = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine and its load while a benchmark ran."""

    processor: str
    cores: int  # usable by this process
    memory_gb: float
    load_1min: float
    python: str
    system: str


def describe_machine() -> Machine:
    """Read the facts from the operating system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=_processor_name(),
        cores=cores or 1,
        memory_gb=round(pages * page_bytes / GIGABYTE, 1),
        load_1min=round(os.getloadavg()[0], 2),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
    )


def _processor_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def read_bandwidth_gbps(threads: int) -> float:
    """Return the best of a few rounds of summing a large array, in GB/s over all threads."""
    words = np.ones(BANDWIDTH_BYTES // 8, dtype=np.int64)
    parts = np.array_split(words, threads)
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(BANDWIDTH_ROUNDS):
            started = time.perf_counter()
            list(pool.map(np.sum, parts))
            best = max(best, words.nbytes / (time.perf_counter() - started) / GIGABYTE)
    return best
