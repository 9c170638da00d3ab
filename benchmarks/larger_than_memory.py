"""A model larger than the memory it may use: does it answer, and what does a token cost?

    python benchmarks/larger_than_memory.py [--memory-mb 512] [--layers 6] [--tokens 40]

Writes layers of Qwen3-Coder-30B-A3B's shape (340 MB each) to a file, and runs tokens through them
in two processes: in one that may use as much memory as is there, and in one of a memory cgroup
that may use less than the weights take. Experts are drawn at random for every token, which no
router does: it is the worst case for whatever stayed in memory. Needs root on Linux.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from evaluation.operators.load import process_memory
from evaluation.operators.shapes import SHAPES
from evaluation.operators.sides import store
from evaluation.operators.weights import draw_weights
from inference.ops import library
from inference.session import BoundGraph

SHAPE = SHAPES[0]
CGROUPS = Path("/sys/fs/cgroup")


def main() -> None:
    """Compare both processes, or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--memory-mb", type=int, default=512)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--tokens", type=int, default=40)
    parser.add_argument(
        "--run", type=Path, help="the folder with the layers: be a measured process"
    )
    arguments = parser.parse_args()
    if arguments.run is not None:
        print(json.dumps(run(arguments.run, arguments.layers, arguments.tokens)))
        return
    with tempfile.TemporaryDirectory(prefix="mixline-bench-") as folder:
        ours, _ = draw_weights(SHAPE, "int4", np.random.default_rng(0))
        stored = [
            store("mixline", SHAPE, "int4", ours, Path(folder), layer)
            for layer in range(arguments.layers)
        ]
        weights_mb = sum(one.weights.stat().st_size for one in stored) / 1e6
        results = {}
        for name, limit in (("all memory", None), ("limited", arguments.memory_mb << 20)):
            for one in stored:
                forget_pages(one.weights)
            results[name] = measure(arguments, Path(folder), limit)
    print(
        f"weights {weights_mb:.0f} MB, {arguments.tokens} tokens, limit {arguments.memory_mb} MiB"
    )
    for name, result in results.items():
        print(
            f"{name:10} first token {result['first_ms']:.0f} ms, median {result['ms']:.1f} ms,"
            f" read {result['read_mb']:.0f} MB, {result['major_faults']} major faults,"
            f" resident at most {result['peak_mb']:.0f} MB"
        )
    same = len({result["digest"] for result in results.values()}) == 1
    print("answers are equal" if same else "ANSWERS DIFFER")


def forget_pages(path: Path) -> None:
    """Drop a file's pages, so that who reads them next is charged for them."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(arguments: argparse.Namespace, folder: Path, limit: int | None) -> dict[str, Any]:
    """Run the tokens in a process of its own, in a cgroup of that many bytes."""
    command = [
        *(sys.executable, "-P", __file__, "--run", str(folder)),
        *("--layers", str(arguments.layers), "--tokens", str(arguments.tokens)),
    ]
    group = None if limit is None else make_group(limit)
    try:
        done = subprocess.run(  # noqa: S603 - ourselves
            command,
            stdout=subprocess.PIPE,
            check=True,
            preexec_fn=None if group is None else lambda: join(group),
        )
    finally:
        if group is not None:
            group.rmdir()
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def make_group(limit: int) -> Path:
    """Make a cgroup, version 1 or 2, that may use so many bytes, page cache included."""
    first = CGROUPS / "memory"
    group = (first if first.is_dir() else CGROUPS) / f"mixline-{os.getpid()}"
    group.mkdir()
    name = "memory.limit_in_bytes" if first.is_dir() else "memory.max"
    (group / name).write_text(str(limit))
    return group


def join(group: Path) -> None:
    """Move this process into a cgroup."""
    (group / "cgroup.procs").write_text(str(os.getpid()))


def run(folder: Path, layers: int, tokens: int) -> dict[str, Any]:
    """Run tokens through all layers and return what it took."""
    rng = np.random.default_rng(1)
    x = np.zeros((1, SHAPE.hidden), np.float32)
    y = np.zeros_like(x)
    logits = np.zeros((1, SHAPE.experts), np.float32)
    sessions = []
    for layer in range(layers):
        graph = folder / f"mixline-{layer}.onnx"
        session = BoundGraph(graph, library=library.library_path(), threads=2)
        session.bind({"x": x, "logits": logits}, {"y": y})
        sessions.append(session)
    digest = hashlib.sha256()
    times = []
    for _ in range(tokens):
        x[:] = rng.standard_normal(x.shape)
        started = time.perf_counter()
        for session in sessions:
            logits[:] = rng.standard_normal(logits.shape)
            session.run()
            digest.update(y.tobytes())
        times.append((time.perf_counter() - started) * 1e3)
    read = next(
        int(line.split()[1])
        for line in Path("/proc/self/io").read_text().splitlines()
        if line.startswith("read_bytes")
    )
    return {
        "first_ms": times[0],
        "ms": median(times),
        "read_mb": read / 1e6,
        "major_faults": resource.getrusage(resource.RUSAGE_SELF).ru_majflt,
        "peak_mb": process_memory().peak / 1e6,
        "digest": digest.hexdigest(),
    }


if __name__ == "__main__":
    main()
