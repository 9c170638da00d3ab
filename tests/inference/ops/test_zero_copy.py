"""Expert weights are used where the file is mapped: not copied, shared, only the chosen ones read.

The kernel calls behind it are in `mapped_experts.cc`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.external_data_helper import set_external_data

from inference.ops import library

EXPERTS, HIDDEN, EXPERT_HIDDEN, CHOSEN = 128, 512, 512, 2
MANY_EXPERTS = 640
LIMIT_BYTES = 160 * 2**20  # half of it are Python, numpy and ONNX Runtime
ALIGN_BYTES = 65536
PAGE_BYTES = 4096

# Runs in a process of its own, so that the memory counted is the session's.
MEASURE = """
import json, re, sys
import numpy as np
import onnxruntime as ort

def anonymous_bytes():
    return int(re.search(r"RssAnon:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) * 1024

def mapped_bytes(path, kind):
    total, inside = 0, False
    for line in open("/proc/self/smaps"):
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            inside = line.rstrip().endswith(path)
        elif inside and line.startswith(kind + ":"):
            total += int(line.split()[1]) * 1024
    return total

model, data, library, hidden = sys.argv[1:]
options = ort.SessionOptions()
options.register_custom_ops_library(library)
options.intra_op_num_threads = 2
before = anonymous_bytes()
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
opened = mapped_bytes(data, "Rss")
x = np.ones((1, int(hidden)), np.float32)
ids = np.array([[5, 77]], np.int32)
y, = session.run(None, {"x": x, "ids": ids, "weights": np.ones((1, 2), np.float32)})
print(json.dumps({
    "anonymous": anonymous_bytes() - before, "opened": opened, "run": mapped_bytes(data, "Rss"),
    "finite": bool(np.isfinite(y).all() and y.any()),
}), flush=True)
sys.stdin.readline()
print(mapped_bytes(data, "Pss"))
"""

# Random experts for many tokens, one token a call; prints a digest of all answers.
RUN = """
import hashlib, os, sys
import numpy as np
import onnxruntime as ort

model, library, hidden, experts, calls, group = sys.argv[1:]
if group:
    open(group + "/cgroup.procs", "w").write(str(os.getpid()))
options = ort.SessionOptions()
options.register_custom_ops_library(library)
options.intra_op_num_threads = 2
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
rng, digest = np.random.default_rng(0), hashlib.sha256()
for _ in range(int(calls)):
    x = rng.standard_normal((1, int(hidden)), np.float32)
    ids = rng.choice(int(experts), (1, 2), replace=False).astype(np.int32)
    y, = session.run(None, {"x": x, "ids": ids, "weights": np.ones((1, 2), np.float32)})
    digest.update(y.tobytes())
print(digest.hexdigest())
"""


def store(folder: Path, make_ffn: Callable[..., Any], experts: int) -> tuple[Path, Path, int]:
    """Write a model with external weights; return it, its data file, and bytes per expert."""
    ffn = make_ffn(tokens=1, hidden=HIDDEN, expert_hidden=EXPERT_HIDDEN, experts=2)
    for name, value in ffn.node.weights.items():
        ffn.node.weights[name] = np.tile(value, (experts // 2, 1))
    model = ffn.node.model()
    data = folder / "weights.bin"
    with data.open("wb") as file:
        for tensor in model.graph.initializer:
            file.seek(-(-file.tell() // ALIGN_BYTES) * ALIGN_BYTES)
            set_external_data(tensor, data.name, file.tell(), len(tensor.raw_data))
            file.write(tensor.raw_data)
            tensor.ClearField("raw_data")
        file.flush()
        os.fsync(file.fileno())
    onnx.save(model, folder / "model.onnx")
    per_expert = sum(value.shape[1] for value in ffn.node.weights.values())
    return folder / "model.onnx", data, per_expert


@pytest.fixture
def stored(tmp_path: Path, make_ffn: Callable[..., Any]) -> tuple[Path, Path, int]:
    """A model with external weights, its data file, and the bytes of the chosen experts."""
    model, data, per_expert = store(tmp_path, make_ffn, EXPERTS)
    return model, data, CHOSEN * per_expert


@pytest.fixture
def open_and_run(stored: tuple[Path, Path, int]) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Start processes that run one token, say what it took, and go on when told."""
    with ExitStack() as processes:

        def start() -> subprocess.Popen[str]:
            model, data, _ = stored
            return processes.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", MEASURE, model, data, library.library_path(), "512"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )

        yield start


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A memory cgroup, of either version, that may use `LIMIT_BYTES`, page cache included."""
    root = Path("/sys/fs/cgroup")
    first = root / "memory"
    group = (first if first.is_dir() else root) / f"mixline-test-{os.getpid()}"
    limit = "memory.limit_in_bytes" if first.is_dir() else "memory.max"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"needs the right to make a memory cgroup: {error}")
    try:
        (group / limit).write_text(str(LIMIT_BYTES))
        yield group
    except OSError as error:
        pytest.skip(f"needs a cgroup that limits memory: {error}")
    finally:
        group.rmdir()


def test_weights_are_read_in_place_and_only_where_routed(
    stored: tuple[Path, Path, int], open_and_run: Callable[[], subprocess.Popen[str]]
) -> None:
    """Opening reads none of the file, one token its experts; nothing is copied.

    The file was just written, so that it lies in memory in the largest pieces that Linux makes.
    """
    _, data, chosen_bytes = stored
    measured = first_line(open_and_run())

    assert measured["finite"]
    assert measured["anonymous"] < 16 * 2**20 < data.stat().st_size / 3
    assert measured["opened"] < chosen_bytes / 10
    assert 0.95 * chosen_bytes <= measured["run"] <= 1.1 * chosen_bytes


def test_a_second_process_adds_no_memory(
    stored: tuple[Path, Path, int], open_and_run: Callable[[], subprocess.Popen[str]]
) -> None:
    """Shares of the mapped weights, summed over two processes, are what one of them has mapped."""
    processes = [open_and_run(), open_and_run()]
    resident = [first_line(process)["run"] for process in processes]
    shares = [int(process.communicate("go on\n")[0]) for process in processes[:1]]
    alone = int(processes[1].communicate("go on\n")[0])
    _, _, chosen_bytes = stored

    assert shares[0] == pytest.approx(resident[0] / 2, abs=8 * PAGE_BYTES)
    assert alone == pytest.approx(resident[1], abs=8 * PAGE_BYTES)
    assert alone <= 1.1 * chosen_bytes


def test_a_model_larger_than_memory_answers(
    tmp_path: Path, make_ffn: Callable[..., Any], small_group: Path
) -> None:
    """Under a limit of less than the weights alone, the answers are those without a limit."""
    model, data, _ = store(tmp_path, make_ffn, MANY_EXPERTS)
    with data.open("rb") as file:  # pages that are there already would count for this process
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    answers = [
        subprocess.run(
            [
                *(sys.executable, "-c", RUN, model, library.library_path()),
                *(str(HIDDEN), str(MANY_EXPERTS), "700", group),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for group in (str(small_group), "")
    ]

    assert data.stat().st_size > 1.5 * LIMIT_BYTES
    assert answers[0] == answers[1]


def first_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Read what a measured process says first."""
    assert process.stdout
    measured: dict[str, Any] = json.loads(process.stdout.readline())
    return measured
