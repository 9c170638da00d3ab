"""What half of the experts saves: ExpertFFN with all and with half of its slots used, in pairs.

    python benchmarks/effort.py [--shapes NAME...] [--tokens N...] [--calls N] [--threads N]

Calls alternate: all k slots, then half of them (the other ids are -1, as ExpertRouter leaves them
at effort 0.5). Every call draws its experts anew among those last used four last-level caches of
weights ago. A layer of the shipped model is too small to be timed alone: its graph is a chain of
layers, each with weights of its own.
"""

import argparse
import dataclasses
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from evaluation.operators.limits import last_level_cache_bytes
from evaluation.operators.onnx_graph import Call, StoredTensor, Value, serialize_graph
from evaluation.operators.routing import RotatingRouter
from evaluation.operators.shapes import NAMES, OpShape, chosen_shapes
from evaluation.operators.sides import ALIGN_BYTES
from evaluation.operators.weights import BLOCK, ExpertTensors, draw_weights
from inference.ops import library
from inference.session import BoundGraph

CACHES = 4
SMALL_BYTES = 8 << 20  # of one call's experts: below, layers are chained
CHAIN = 24
WARM_UP = 5


def write_weights(
    path: Path, experts: ExpertTensors, shape: OpShape, layers: int
) -> Iterator[StoredTensor]:
    """Write the weights of all layers, the distinct experts repeated, each at its own address."""
    with path.open("wb", buffering=64 << 20) as file:
        for layer in range(layers):
            for name, distinct in experts.tensors.items():
                file.seek(-(-file.tell() // ALIGN_BYTES) * ALIGN_BYTES)
                offset = file.tell()
                for expert in range(shape.experts):
                    file.write(np.ascontiguousarray(distinct[expert % len(distinct)]).data)
                yield StoredTensor(
                    name=f"{name}_{layer}",
                    dims=(shape.experts, *distinct.shape[1:]),
                    element_type=distinct.dtype.name,
                    location=path.name,
                    offset=offset,
                    num_bytes=file.tell() - offset,
                )


def open_chain(
    folder: Path, experts: ExpertTensors, shape: OpShape, layers: int, threads: int
) -> BoundGraph:
    """Return a session over `layers` ExpertFFN nodes, one behind the other."""
    graph = folder / "graph.onnx"
    tensors = tuple(write_weights(folder / "weights.bin", experts, shape, layers))
    calls = [
        Call(
            op_type="ExpertFFN",
            domain="mixline",
            inputs=(
                *("x" if layer == 0 else f"y_{layer - 1}", "ids", "weights"),
                *(f"{name}_{layer}" for name in experts.tensors),
            ),
            outputs=(f"y_{layer}",),
            attributes={
                "activation": shape.activation,
                "weight_format": "int4",
                "block": BLOCK,
                "expert_hidden": shape.expert_hidden,
            },
        )
        for layer in range(layers)
    ]
    slots = ("tokens", shape.experts_per_token)
    inputs = [
        Value(name="x", dims=("tokens", shape.hidden)),
        Value(name="ids", dims=slots, element_type="int32"),
        Value(name="weights", dims=slots),
    ]
    outputs = [Value(name=f"y_{layers - 1}", dims=("tokens", shape.hidden))]
    graph.write_bytes(serialize_graph(calls, inputs, outputs, tensors))
    return BoundGraph(graph, library=library.library_path(), threads=threads)


def measure(shape: OpShape, tokens: int, calls: int, threads: int) -> tuple[float, float, float]:
    """Return the medians of full and half time in ms, and of the ratios of the pairs."""
    rng = np.random.default_rng(0)
    k = shape.experts_per_token
    ours, _ = draw_weights(dataclasses.replace(shape, experts=2), "int4", rng)
    layers = CHAIN if k * ours.bytes_per_expert() < SMALL_BYTES else 1
    expert_bytes = layers * ours.bytes_per_expert()
    reuse_bytes = CACHES * last_level_cache_bytes()
    # Enough experts for chance to have a choice; a layer with thousands of megabytes needs no more.
    enough = max(4 * k, math.ceil(4 * reuse_bytes / expert_bytes))
    stored = dataclasses.replace(shape, experts=min(shape.experts, enough))
    router = RotatingRouter(
        experts=stored.experts,
        experts_per_token=k,
        layers=1,
        side_bytes=(expert_bytes // 2, expert_bytes // 2),
        reuse_bytes=2 * reuse_bytes,  # as half of the calls touch half of what it believes
        rng=rng,
    )
    x = rng.standard_normal((tokens, shape.hidden), dtype=np.float32)
    ids = np.zeros((tokens, k), np.int32)
    weights = np.full((tokens, k), 1 / k, np.float32)
    y = np.zeros_like(x)
    with tempfile.TemporaryDirectory(prefix="mixline-effort-") as folder:
        session = open_chain(Path(folder), ours, stored, layers, threads)
        session.bind({"x": x, "ids": ids, "weights": weights}, {f"y_{layers - 1}": y})
        ids[:] = -1
        for expert in range(stored.experts):  # every page is in memory before anything is timed
            ids[0, 0] = expert
            session.run()

        def timed(slots: int) -> float:
            chosen = np.argsort(-router.draw(tokens).logits, axis=1)[:, :k]
            ids[:] = np.where(np.arange(k) < slots, chosen, -1)
            started = time.perf_counter()
            session.run()
            return time.perf_counter() - started

        half = math.ceil(k / 2)
        pairs = np.array([(timed(k), timed(half)) for _ in range(WARM_UP + calls)])[WARM_UP:]
    full_ms, half_ms = np.median(pairs, axis=0) * 1e3 / layers
    return float(full_ms), float(half_ms), float(np.median(pairs[:, 1] / pairs[:, 0]))


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="+", choices=NAMES, default=NAMES, metavar="NAME")
    parser.add_argument("--tokens", nargs="+", type=int, default=[1])
    parser.add_argument("--calls", type=int, default=200, help="pairs")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args(words)
    print(f"kernel {library.chosen_kernel()}, {arguments.threads} threads, int4")
    print("\n| shape | k | tokens | all, ms | half, ms | half / all |\n|---|---|---|---|---|---|")
    for shape in chosen_shapes(arguments.shapes):
        for tokens in arguments.tokens:
            full, half, ratio = measure(shape, tokens, arguments.calls, arguments.threads)
            k = shape.experts_per_token
            print(
                f"| {shape.name} | {k} | {tokens} | {full:.4f} | {half:.4f} | {ratio:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
