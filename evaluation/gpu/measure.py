"""Timing on a GPU through torch: its memory, its events, its graphs, and what it can do at best."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from evaluation.gpu.layer import Layer
from evaluation.gpu.report import Limits
from evaluation.operators.shapes import OpShape

REPLAYS: Final = 15
CALLS: Final = 24  # in a graph, each with experts of its own: none comes back while a cache has it
_WARM_UP: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchBuffer:
    """A tensor."""

    tensor: torch.Tensor

    @property
    def address(self) -> int:
        """Where it begins; torch aligns to 64 bytes or more, on a GPU to 512."""
        return int(self.tensor.data_ptr())

    def read(self) -> npt.NDArray[Any]:
        """Wait, and copy to the host."""
        array: npt.NDArray[Any] = self.tensor.cpu().numpy()
        return array


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchMemory:
    """The GPU that torch chose; or the processor, to rehearse with operators over plain memory."""

    device: str = "cuda"

    @property
    def stream(self) -> int:
        """Torch's current stream."""
        return 0 if self.device == "cpu" else int(torch.cuda.current_stream().cuda_stream)

    def put(self, array: npt.NDArray[Any]) -> TorchBuffer:
        """Copy an array there."""
        return TorchBuffer(tensor=torch.from_numpy(array.copy()).to(self.device))

    def time(self, launch: Callable[[], object], calls: int) -> float:
        """Return the milliseconds of one of the calls that `launch` makes.

        On a GPU by events around replays of a CUDA graph; on the processor once, by the clock.
        """
        if self.device == "cpu":
            begin = time.perf_counter()
            launch()
            return 1e3 * (time.perf_counter() - begin) / calls
        return _time_graph(launch, calls)


def _time_graph(launch: Callable[[], object], calls: int) -> float:
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        launch()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        launch()
    times: list[float] = []
    for turn in range(_WARM_UP + REPLAYS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        if turn >= _WARM_UP:
            times.append(begin.elapsed_time(end) / calls)
    return median(times)


def time_layer(
    layer: Layer, memory: TorchMemory, shape: OpShape, tokens: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Time ExpertFFN; return milliseconds and the experts that a call uses on average.

    Few tokens take turns through all experts, many draw them.
    """
    used, launches = 0, []
    kept: list[TorchBuffer] = []
    order = rng.permutation(shape.experts)
    slots = tokens * shape.experts_per_token
    x = memory.put(rng.standard_normal((tokens, shape.hidden)).astype(np.float16))
    shares = memory.put(np.full((tokens, shape.experts_per_token), 0.1, np.float32))
    y = memory.put(np.zeros((tokens, shape.hidden), np.float16))
    for call in range(CALLS):
        if slots <= shape.experts:
            ids = order[(call * slots + np.arange(slots)) % shape.experts]
        else:
            drawn = rng.random((tokens, shape.experts))
            ids = np.argpartition(drawn, shape.experts_per_token)[:, : shape.experts_per_token]
        used += len(np.unique(ids))
        kept.append(buffer := memory.put(ids.reshape(tokens, -1).astype(np.int32)))
        launches.append(layer.prepare(x, buffer, shares, y, tokens))

    def launch_all() -> None:
        for launch in launches:
            layer.run(launch)

    return memory.time(launch_all, CALLS), used / CALLS


def measure_limits(memory: TorchMemory, read_bytes: int, matrix: int) -> Limits:
    """Read memory by summing and by copying, multiply two square matrices in bf16."""
    return Limits(
        read_gbps=_read_gbps(memory, read_bytes), bf16_tflops=_matrix_tflops(memory, matrix)
    )


def _read_gbps(memory: TorchMemory, read_bytes: int) -> float:
    source = torch.ones(read_bytes // 4, dtype=torch.float32, device=memory.device)
    target = torch.empty_like(source)
    read = read_bytes / memory.time(lambda: torch.sum(source, dim=0, out=target[0]), 1)
    copied = 2 * read_bytes / memory.time(lambda: target.copy_(source), 1)
    return max(read, copied) / 1e6


def _matrix_tflops(memory: TorchMemory, size: int) -> float:
    a = torch.randn(size, size, device=memory.device).to(torch.bfloat16)
    b = torch.randn(size, size, device=memory.device).to(torch.bfloat16)
    c = torch.empty_like(a)
    return 2 * size**3 / memory.time(lambda: torch.matmul(a, b, out=c), 1) / 1e9


def device_name() -> str | None:
    """Return card, torch and CUDA; None: torch sees no GPU."""
    if not torch.cuda.is_available():
        return None
    return f"{torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA {torch.version.cuda}"
