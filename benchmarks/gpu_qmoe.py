"""ONNX Runtime's QMoE beside our operators, both as chains of layers in sessions on its provider.

QMoE's weights for CUDA are in an order of its own: it is given random bytes, and timed alone.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from evaluation.gpu.layer import BLOCK, DISTINCT, Weights
from evaluation.operators.onnx_graph import Call, StoredTensor, Value, serialize_graph
from evaluation.operators.shapes import OpShape
from inference.errors import MixlineError
from inference.ops.tiles import WeightFormat

PROVIDER: Final = "CUDAExecutionProvider"
CHAIN: Final = 4  # layers, each with weights and routing of its own
RUNS: Final = 20
WARM_UP: Final = 5
BITS: Final = {"int4": 4, "int8": 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A session over layers one behind the other, and what it is fed."""

    session: Any

    def milliseconds(self, shape: OpShape, tokens: int) -> float:
        """Return the time of one layer; inputs are on the GPU, and so is the output."""
        rng = np.random.default_rng(tokens)
        binding = self.session.io_binding()
        feeds = {"x": rng.standard_normal((tokens, shape.hidden)).astype(np.float16)}
        for layer in range(CHAIN):
            logits = rng.standard_normal((tokens, shape.experts))
            kind = np.float16 if self._wants_half(f"logits_{layer}") else np.float32
            feeds[f"logits_{layer}"] = logits.astype(kind)
        for name, array in feeds.items():
            binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array, "cuda", 0))
        binding.bind_output(f"y_{CHAIN - 1}", "cuda", 0)
        times = []
        for turn in range(WARM_UP + RUNS):
            begin = time.perf_counter()
            self.session.run_with_iobinding(binding)
            binding.synchronize_outputs()
            if turn >= WARM_UP:
                times.append(1e3 * (time.perf_counter() - begin) / CHAIN)
        return median(times)

    def _wants_half(self, name: str) -> bool:
        return any(
            i.name == name and i.type == "tensor(float16)" for i in self.session.get_inputs()
        )


class QMoe:
    """See evaluation.gpu.bench.Peer; sessions are kept for the tokens of one shape."""

    def __init__(self, library: Path) -> None:
        """Remember our library."""
        self._library = library
        self._shape: tuple[str, str] | None = None
        self._chains: tuple[Chain, Chain] | None = None
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()

    def time(
        self, shape: OpShape, weight_format: WeightFormat, weights: Weights, tokens: int
    ) -> tuple[float, float]:
        """Return our milliseconds a layer, and QMoE's."""
        if weight_format not in BITS:
            raise MixlineError(f"it has no {weight_format}")
        try:
            ours, theirs = self._pair(shape, weight_format, weights)
            return ours.milliseconds(shape, tokens), theirs.milliseconds(shape, tokens)
        except Exception as error:  # ONNX Runtime has no class for all of its own
            raise MixlineError(f"{type(error).__name__}: {error}".partition("\n")[0]) from error

    def _pair(
        self, shape: OpShape, weight_format: WeightFormat, weights: Weights
    ) -> tuple[Chain, Chain]:
        if self._chains is None or self._shape != (shape.name, weight_format):
            self._chains, self._shape = None, (shape.name, weight_format)
            with tempfile.TemporaryDirectory() as folder:
                self._chains = self._open(Path(folder), shape, weight_format, weights)
        return self._chains

    def _open(
        self, folder: Path, shape: OpShape, weight_format: WeightFormat, weights: Weights
    ) -> tuple[Chain, Chain]:
        ours = our_graph(folder, shape, weight_format, weights)
        theirs = qmoe_graph(folder, shape, BITS[weight_format])
        options = ort.SessionOptions()
        options.register_custom_ops_library(str(self._library))
        return (
            Chain(session=ort.InferenceSession(str(ours), options, providers=[PROVIDER])),
            Chain(session=ort.InferenceSession(str(theirs), providers=[PROVIDER])),
        )


def our_graph(folder: Path, shape: OpShape, weight_format: WeightFormat, weights: Weights) -> Path:
    """Write a chain of our layers, which share the file of their weights; return the graph."""
    repeat = np.arange(shape.experts) % len(weights.gate)
    stored = store(folder / "ours.bin", {k: v[repeat] for k, v in weights.packed.items()})
    calls = []
    for layer, (x, y) in enumerate(links()):
        router = Call(
            op_type="ExpertRouter",
            domain="mixline",
            inputs=(f"logits_{layer}",),
            outputs=(f"ids_{layer}", f"shares_{layer}"),
            attributes={"k": shape.experts_per_token, "normalize": 1},
        )
        names = [tensor.name for tensor in stored]
        experts = Call(
            op_type="ExpertFFN",
            domain="mixline",
            inputs=(x, f"ids_{layer}", f"shares_{layer}", *names),
            outputs=(y,),
            attributes={
                "activation": shape.activation,
                "weight_format": weight_format,
                "block": BLOCK,
                "expert_hidden": shape.expert_hidden,
                "layout": 2,
            },
        )
        calls += [router, experts]
    return write_graph(folder / "ours.onnx", shape, calls, stored, "float32")


def qmoe_graph(folder: Path, shape: OpShape, bits: int) -> Path:
    """Write a chain of QMoE nodes; return the graph."""
    rng = np.random.default_rng(2)
    distinct = np.arange(shape.experts) % DISTINCT
    tensors: dict[str, npt.NDArray[Any]] = {}
    sizes = {
        "fc1": (2 * shape.expert_hidden, shape.hidden),
        "fc2": (shape.hidden, shape.expert_hidden),
    }
    for name, (rows, columns) in sizes.items():
        values = rng.integers(0, 256, (DISTINCT, rows, columns * bits // 8), np.uint8)
        scales = np.full((DISTINCT, rows, columns // BLOCK), 1e-3, np.float16)
        tensors |= {f"{name}_weights": values[distinct], f"{name}_scales": scales[distinct]}
        if shape.biases:
            tensors[f"{name}_bias"] = np.zeros((shape.experts, rows), np.float16)
    stored = store(folder / "qmoe.bin", tensors)
    bias = ("fc1_bias", "fc2_bias") if shape.biases else ("", "")
    gpt_oss = {"activation_alpha": 1.702, "activation_beta": 1.0, "swiglu_limit": 7.0}
    plain = {"activation_alpha": 1.0, "activation_beta": 0.0}
    calls = [
        Call(
            op_type="QMoE",
            domain="com.microsoft",
            inputs=(
                *(x, f"logits_{layer}", "fc1_weights", "fc1_scales", bias[0]),
                *("fc2_weights", "fc2_scales", bias[1]),
            ),
            outputs=(y,),
            attributes={
                "k": shape.experts_per_token,
                "normalize_routing_weights": 1,
                "activation_type": "swiglu",
                "swiglu_fusion": 1,
                **(gpt_oss if shape.activation == "swiglu_oai" else plain),
                "expert_weight_bits": bits,
                "block_size": BLOCK,
            },
        )
        for layer, (x, y) in enumerate(links())
    ]
    return write_graph(folder / "qmoe.onnx", shape, calls, stored, "float16")


def links() -> Iterator[tuple[str, str]]:
    """Yield each layer's input and output."""
    for layer in range(CHAIN):
        yield (f"y_{layer - 1}" if layer else "x"), f"y_{layer}"


def store(path: Path, tensors: dict[str, npt.NDArray[Any]]) -> list[StoredTensor]:
    """Write arrays one behind the other."""
    stored = []
    with path.open("wb") as file:
        for name, array in tensors.items():
            file.seek(-(-file.tell() // 4096) * 4096)
            offset = file.tell()
            file.write(np.ascontiguousarray(array).data)
            stored.append(
                StoredTensor(
                    name=name,
                    dims=array.shape,
                    element_type=array.dtype.name,
                    location=path.name,
                    offset=offset,
                    num_bytes=array.nbytes,
                )
            )
    return stored


def write_graph(
    path: Path, shape: OpShape, calls: list[Call], stored: Sequence[StoredTensor], logits: str
) -> Path:
    """Write a chain's graph."""
    half = "float16"
    inputs = [Value(name="x", dims=("tokens", shape.hidden), element_type=half)]
    inputs += [
        Value(name=f"logits_{layer}", dims=("tokens", shape.experts), element_type=logits)
        for layer in range(CHAIN)
    ]
    output = Value(name=f"y_{CHAIN - 1}", dims=("tokens", shape.hidden), element_type=half)
    path.write_bytes(serialize_graph(calls, inputs, [output], stored))
    return path
