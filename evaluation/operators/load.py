"""What opening a graph costs in time and memory, measured in a process of its own.

`python -m evaluation.operators.load GRAPH LIBRARY THREADS` opens the graph, runs one token, and
prints one JSON object.
"""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from inference.errors import MixlineError
from inference.onnx_file import read_onnx
from inference.session import BoundGraph

SECONDS: Final = 600  # for the largest weights on a slow disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident memory of a process in bytes: its own, and mapped from files."""

    anonymous: int
    file: int
    peak: int  # of both together, since the process began


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCost:
    """How long opening took, and by how much memory grew from before it to after one token."""

    open_ms: float
    anonymous_bytes: int
    file_bytes: int
    weight_file_bytes: int  # what of `file_bytes` is the weights' file; the rest are libraries
    peak_bytes: int  # growth at the highest point, while opening mostly


def measure_load(graph: Path, library: Path, threads: int) -> LoadCost:
    """Open a graph in a new process and run one token.

    Raises:
        MixlineError: the process failed.
    """
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [
            *(sys.executable, "-P", "-m", __spec__.name),
            *(str(graph), str(library), str(threads)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise MixlineError(f"opening {graph} in a process of its own failed: {last}")
    return LoadCost(**json.loads(done.stdout))


def process_memory(status: Path = Path("/proc/self/status")) -> Memory:
    """Read a process's memory from Linux; zeros elsewhere."""
    try:
        lines = status.read_text(encoding="utf-8").splitlines()
    except OSError:
        return Memory(anonymous=0, file=0, peak=0)
    sizes = {
        name: int(value.split()[0]) * 1024
        for name, _, value in (line.partition(":") for line in lines)
        if name in {"RssAnon", "RssFile", "VmHWM"}
    }
    return Memory(anonymous=sizes["RssAnon"], file=sizes["RssFile"], peak=sizes["VmHWM"])


def mapped_bytes(path: Path, smaps: Path = Path("/proc/self/smaps")) -> int:
    """Return how much of a file a process has mapped and resident, from Linux; 0 elsewhere."""
    try:
        lines = smaps.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    total, inside = 0, False
    for line in lines:
        name, _, value = line.partition(":")
        if "-" in name:  # the first line of an area: its addresses, ..., its file
            inside = line.endswith(f" {path}")
        elif inside and name == "Rss":
            total += int(value.split()[0]) * 1024
    return total


def open_and_run(graph: Path, library: Path, threads: int) -> LoadCost:
    """Open the graph in this process and run one token."""
    outline = read_onnx(graph)
    inputs = {
        value.name: np.ones([dim if isinstance(dim, int) else 1 for dim in value.shape], np.float32)
        for value in outline.inputs
    }
    stored = {tensor.location for tensor in outline.initializers.values() if tensor.location}
    y = np.zeros_like(inputs["x"])
    # Experts that lie apart, in an order of their own.
    inputs["logits"][:] = np.random.default_rng(0).permutation(inputs["logits"].size)
    before = process_memory()
    started = time.perf_counter()
    session = BoundGraph(graph, library=library, threads=threads)
    open_ms = (time.perf_counter() - started) * 1e3
    session.bind(inputs, {"y": y})
    session.run()
    after = process_memory()
    return LoadCost(
        open_ms=round(open_ms, 3),
        anonymous_bytes=after.anonymous - before.anonymous,
        file_bytes=after.file - before.file,
        weight_file_bytes=sum(mapped_bytes((graph.parent / name).resolve()) for name in stored),
        peak_bytes=after.peak - (before.anonymous + before.file),
    )


if __name__ == "__main__":
    cost = open_and_run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps(asdict(cost)))  # noqa: T201 - what the parent process reads
