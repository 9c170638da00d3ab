"""Run exported graphs on ONNX Runtime as the engine does: past and present in one buffer."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest

from inference.model_dir import ModelDir
from inference.ops.library import library_path

Floats = npt.NDArray[np.float32]


class GraphRunner:
    """One model directory with a KV cache of fixed capacity."""

    def __init__(self, path: Path, capacity: int, graph: Path | None = None) -> None:
        model = ModelDir.open(path)
        self.architecture = model.manifest.architecture
        options = ort.SessionOptions()
        options.intra_op_num_threads = 2
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.register_custom_ops_library(str(library_path()))
        self.session = ort.InferenceSession(
            str(graph or model.graphs["cpu"]), options, providers=["CPUExecutionProvider"]
        )
        shape = (1, self.architecture.kv_heads, capacity, self.architecture.head_dim)
        types = {value.name: value.type for value in self.session.get_inputs()}
        dtype = np.float16 if types["past_0_key"] == "tensor(float16)" else np.float32
        # NaN where nothing was written yet: whoever reads it shows.
        self.buffers = {
            f"{layer}_{part}": np.full(shape, np.nan, dtype)
            for layer in range(self.architecture.layers)
            for part in ("key", "value")
        }

    def step(
        self,
        ids: npt.NDArray[np.int64],
        past_len: int,
        positions: Iterable[int] | None = None,
        effort: float = 1.0,
    ) -> Floats:
        """Append ``ids`` behind ``past_len`` tokens; logits at all positions, or those named."""
        asked = range(len(ids)) if positions is None else positions
        feeds = {
            "input_ids": ids[None].astype(np.int64),
            "past_len": np.array(past_len, np.int32),
            "logit_positions": np.array(list(asked), np.int64),
            "effort": np.array(effort, np.float32),
        }
        io = self.session.io_binding()
        for name, array in feeds.items():
            io.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        for name, buffer in self.buffers.items():
            place = (buffer.dtype, buffer.shape, buffer.ctypes.data)
            io.bind_input(f"past_{name}", "cpu", 0, *place)
            io.bind_output(f"present_{name}", "cpu", 0, *place)
        io.bind_output("logits", "cpu")
        self.session.run_with_iobinding(io)
        names = [output.name for output in self.session.get_outputs()]
        return np.asarray(io.get_outputs()[names.index("logits")].numpy())

    def in_pieces(self, ids: npt.NDArray[np.int64], ends: Iterable[int]) -> Floats:
        """Logits at all positions of ``ids``, fed in pieces that end at ``ends``."""
        pieces, start = [], 0
        for end in ends:
            pieces.append(self.step(ids[start:end], start))
            start = end
        return np.concatenate(pieces)


def worst_error(found: Floats, expected: Floats) -> float:
    """Return the largest relative L2 error of any position."""
    return float(
        np.max(np.linalg.norm(found - expected, axis=-1) / np.linalg.norm(expected, axis=-1))
    )


Runner = Callable[..., GraphRunner]


@pytest.fixture(scope="session")
def runner() -> Runner:
    """Load a model directory, or one graph of it: ``runner(path, capacity, graph)``."""
    return GraphRunner


@pytest.fixture(scope="session")
def error_of() -> Callable[[Floats, Floats], float]:
    """Largest relative L2 error of any position: ``error_of(found, expected)``."""
    return worst_error
