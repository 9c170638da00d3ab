"""What a figure was measured on: processor, memory, load."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

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
