"""What this machine can do at best while a benchmark runs: reading memory, int8 dot products."""

import ctypes
import mmap
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

import evaluation
from evaluation.machine import GIGABYTE
from inference.errors import OperatorLibraryError

LIBRARY_NAME: Final = "libmixline_limits.so"
READ_BYTES: Final = 512 << 20  # several times any last-level cache of a desktop
DOT_ROUNDS: Final = 10_000_000  # some 60 ms
ROUNDS: Final = 8
_CACHE: Final = Path("/sys/devices/system/cpu/cpu0/cache")
_UNKNOWN_CACHE_BYTES: Final = 32 << 20  # assumed where the system does not tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The best of several rounds with the threads that the sessions have."""

    threads: int
    read_gbps: float  # the larger one of the two below
    read_anonymous_gbps: float  # memory of the process, in huge pages where the system gives them
    read_mapped_gbps: float  # a mapped file that is in memory
    dot_gops: float  # int8, a multiplication and an addition counted as two; 0: not known
    last_level_cache_mb: float

    def better(self, other: "Limits") -> "Limits":
        """Return the higher one of every figure of two measurements."""
        return Limits(
            threads=self.threads,
            read_gbps=max(self.read_gbps, other.read_gbps),
            read_anonymous_gbps=max(self.read_anonymous_gbps, other.read_anonymous_gbps),
            read_mapped_gbps=max(self.read_mapped_gbps, other.read_mapped_gbps),
            dot_gops=max(self.dot_gops, other.dot_gops),
            last_level_cache_mb=self.last_level_cache_mb,
        )


def measure_limits(threads: int, read_bytes: int = READ_BYTES) -> Limits:
    """Measure; it takes about two seconds.

    Raises:
        OperatorLibraryError: the library that measures was not built.
    """
    library = _load()
    with _anonymous(read_bytes) as memory:
        anonymous = _read_gbps(library, memory, threads)
    with _mapped(read_bytes) as memory:
        mapped = _read_gbps(library, memory, threads)
    dot = _best(
        threads, lambda _: float(library.mixline_dot(DOT_ROUNDS)), lambda total: total / GIGABYTE
    )
    return Limits(
        threads=threads,
        read_gbps=round(max(anonymous, mapped), 1),
        read_anonymous_gbps=round(anonymous, 1),
        read_mapped_gbps=round(mapped, 1),
        dot_gops=round(dot, 1),
        last_level_cache_mb=round(last_level_cache_bytes() / 2**20, 1),
    )


def last_level_cache_bytes(folder: Path = _CACHE) -> int:
    """Return the size of the largest cache of the first processor."""
    units = {"K": 2**10, "M": 2**20}
    try:
        texts = [path.read_text().strip() for path in folder.glob("index*/size")]
    except OSError:
        texts = []
    return max((int(text[:-1]) * units[text[-1]] for text in texts), default=_UNKNOWN_CACHE_BYTES)


def _read_gbps(library: ctypes.CDLL, memory: mmap.mmap, threads: int) -> float:
    view = np.frombuffer(memory, np.uint8)
    part = len(view) // threads & ~127  # what the library takes: a multiple of 128

    def read(thread: int) -> float:
        library.mixline_read(view.ctypes.data + thread * part, part)
        return float(part)

    return _best(threads, read, lambda total: total / GIGABYTE)


def _best(threads: int, work: Callable[[int], float], rate: Callable[[float], float]) -> float:
    """Return the highest rate of some rounds; the amounts of all threads add up."""
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(ROUNDS):
            started = time.perf_counter()
            amount = sum(pool.map(work, range(threads)))
            best = max(best, rate(amount) / (time.perf_counter() - started))
    return best


@contextmanager
def _anonymous(num_bytes: int) -> Iterator[mmap.mmap]:
    memory = mmap.mmap(-1, num_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    memory.write(b"\1" * num_bytes)
    yield memory


@contextmanager
def _mapped(num_bytes: int) -> Iterator[mmap.mmap]:
    with tempfile.TemporaryFile() as file:
        file.write(b"\1" * num_bytes)
        file.flush()
        os.fsync(file.fileno())
        yield mmap.mmap(file.fileno(), num_bytes, access=mmap.ACCESS_READ)


def _load() -> ctypes.CDLL:
    # An editable install spreads the package over the source tree and the built library's folder.
    for folder in evaluation.__path__:
        path = Path(folder) / LIBRARY_NAME
        if path.is_file():
            library = ctypes.CDLL(str(path))
            library.mixline_read.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
            library.mixline_read.restype = ctypes.c_uint64
            library.mixline_dot.argtypes = (ctypes.c_size_t,)
            library.mixline_dot.restype = ctypes.c_double
            return library
    raise OperatorLibraryError(
        f"expected {LIBRARY_NAME} in {', '.join(map(str, evaluation.__path__))}, found none;"
        " build it with `pip install -e .` in the source tree, or reinstall mixline"
    )
