"""How much memory is free, and how many tokens of keys and values may use of it."""

import os
import resource
import sys
from pathlib import Path
from typing import Final

from inference.kv_cache import KvShape

_SHARE: Final = 0.25  # of the free memory: the editor and its other servers need the rest
_UNKNOWN_BYTES: Final = 2 * 1024**3  # assumed free where the system does not tell
_CGROUP: Final = Path("/sys/fs/cgroup")


def free_bytes(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = _CGROUP) -> int:
    """Return the bytes that this process may still take, by its limits and the container's."""
    free = min(_available(meminfo), address_space_left())
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = int((cgroup / "memory.current").read_text())
    except (OSError, ValueError):
        return free
    return min(free, max(0, int(limit) - used)) if limit.isdecimal() else free


def address_space_left() -> int:
    """Return the bytes that `ulimit -v` leaves this process, a huge number where it is not set."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError):
        return int(limit)
    return max(0, limit - pages * resource.getpagesize())


def kv_budget_tokens(shape: KvShape, slots: int, free: int) -> int:
    """Return the token budget over all slots: a quarter of the free memory, at most all contexts.

    A quarter that holds not even a small prompt is rounded up to one: 256 tokens.
    """
    affordable = int(free * _SHARE) // shape.bytes_per_token
    return max(min(affordable, slots * shape.context), min(256, shape.context))


def _available(meminfo: Path) -> int:
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return _physical_quarter()
    for line in lines:
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return _physical_quarter()


def _physical_quarter() -> int:
    """Return a quarter of the installed memory, for systems that do not tell what is free."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4
    except (AttributeError, OSError, ValueError):
        return _UNKNOWN_BYTES
