"""Expert weights are used where the file is mapped: not copied, only the chosen ones read."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.external_data_helper import set_external_data

from inference.ops import library

EXPERTS, HIDDEN, EXPERT_HIDDEN, CHOSEN = 128, 512, 512, 2
ALIGN_BYTES = 65536
HUGE_PAGE_BYTES = 2**21

# Runs in a process of its own, so that the memory counted is the session's.
MEASURE = """
import json, re, sys
import numpy as np
import onnxruntime as ort

def anonymous_bytes():
    return int(re.search(r"RssAnon:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) * 1024

def mapped_bytes(path):
    total, inside = 0, False
    for line in open("/proc/self/smaps"):
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            inside = line.rstrip().endswith(path)
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total

model, data, library, hidden = sys.argv[1:]
options = ort.SessionOptions()
options.register_custom_ops_library(library)
options.intra_op_num_threads = 2
before = anonymous_bytes()
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
opened = mapped_bytes(data)
x = np.ones((1, int(hidden)), np.float32)
ids = np.array([[5, 77]], np.int32)
y, = session.run(None, {"x": x, "ids": ids, "weights": np.ones((1, 2), np.float32)})
print(json.dumps({
    "anonymous": anonymous_bytes() - before, "opened": opened, "run": mapped_bytes(data),
    "finite": bool(np.isfinite(y).all() and y.any()),
}))
"""


@pytest.fixture
def stored(tmp_path: Path, make_ffn: Callable[..., Any]) -> tuple[Path, Path, int]:
    """A model with external weights, its data file, and the bytes of the chosen experts."""
    ffn = make_ffn(tokens=1, hidden=HIDDEN, expert_hidden=EXPERT_HIDDEN, experts=2)
    for name, value in ffn.node.weights.items():
        ffn.node.weights[name] = np.tile(value, (EXPERTS // 2, 1))
    model = ffn.node.model()
    data = tmp_path / "weights.bin"
    with data.open("wb") as file:
        for tensor in model.graph.initializer:
            file.seek(-(-file.tell() // ALIGN_BYTES) * ALIGN_BYTES)
            set_external_data(tensor, data.name, file.tell(), len(tensor.raw_data))
            file.write(tensor.raw_data)
            tensor.ClearField("raw_data")
    onnx.save(model, tmp_path / "model.onnx")
    per_expert = sum(value.shape[1] for value in ffn.node.weights.values())
    return tmp_path / "model.onnx", data, CHOSEN * per_expert


def test_weights_are_read_in_place_and_only_where_routed(stored: tuple[Path, Path, int]) -> None:
    """Opening reads none of the file, one token little more than its experts; nothing is copied."""
    model, data, chosen_bytes = stored
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, model, data, library.library_path(), str(HIDDEN)],
        capture_output=True,
        text=True,
        check=True,
    )
    measured = json.loads(done.stdout)

    assert measured["finite"]
    assert measured["anonymous"] < 16 * 2**20 < data.stat().st_size / 3
    assert measured["opened"] < chosen_bytes / 2
    # Linux may map a huge page around a fault: two matrices per expert, two ends each.
    assert measured["run"] < chosen_bytes + CHOSEN * 4 * HUGE_PAGE_BYTES < data.stat().st_size / 3
