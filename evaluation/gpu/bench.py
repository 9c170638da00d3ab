"""`benchmarks/gpu.py`: check, then time what the minutes suffice for, then report."""

import argparse
import dataclasses
import importlib.util
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

import inference.ops
from evaluation.gpu.launch import Memory, Operators, PlainMemory
from evaluation.gpu.layer import Layer, Weights, draw_weights, relative_error
from evaluation.gpu.report import Report, Row
from evaluation.operators.shapes import SHAPES, TOKENS, OpShape
from inference.errors import MixlineError
from inference.ops.cuda_library import CudaLibrary, find_cuda_library
from inference.ops.tiles import WeightFormat

if TYPE_CHECKING:
    from evaluation.gpu.measure import TorchMemory  # it wants torch

WRONG: Final = 1
NOTHING_RUN: Final = 3
BUILT: Final = Path(__file__).resolve().parents[2] / "build" / "cuda"
CHECKED: Final = (1, 2, 5, 70)  # tokens: few, few, the fewest that are grouped, more than a tile
DEFAULT_FORMATS: Final[tuple[WeightFormat, ...]] = ("int4",)
FORMATS: Final[dict[str, tuple[WeightFormat, ...]]] = {
    "gpt-oss-20b": ("mxfp4", "int4"),
    "qwen3-coder-30b": ("int4", "int8"),
}
DECODED: Final = "gpt-oss-20b"
DECODE_S: Final = 60  # kept back for it
SMALLER: Final = 16
READ_BYTES: Final = 2 << 30
MATRIX: Final = 8192


class Peer(Protocol):
    """ONNX Runtime's operator beside ours, both in its sessions."""

    def time(
        self, shape: OpShape, weight_format: WeightFormat, weights: Weights, tokens: int
    ) -> tuple[float, float]:
        """Return our milliseconds a call, and its own.

        Raises:
            MixlineError: it does not run here.
        """
        ...


def read_options(words: Sequence[str], description: str) -> argparse.Namespace:
    """Return the options; ends the program where they are wrong."""
    names = [shape.name for shape in SHAPES]
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--library", type=Path, help="libmixline_ops_cuda.so; else it is looked for"
    )
    parser.add_argument("--json", type=Path, help="where to write the report")
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--shapes", nargs="+", choices=names, default=names)
    parser.add_argument("--tokens", nargs="+", type=int, default=list(TOKENS))
    parser.add_argument("--weights", nargs="+", choices=("int4", "int8", "mxfp4"))
    parser.add_argument("--no-decode", action="store_true")
    parser.add_argument("--rehearse", type=Path, metavar="FILE")
    options = parser.parse_args(words)
    if min(options.tokens) < 1:
        parser.error("--tokens: expected numbers from 1 on")
    return options


def run(
    words: Sequence[str], description: str, make_peer: Callable[[Path], Peer] | None = None
) -> int:
    """Run the benchmark; return its exit status, see benchmarks/gpu.py."""
    options = read_options(words, description)
    deadline = time.monotonic() + 60 * options.minutes
    try:
        if options.rehearse is not None:
            report = rehearse(options)
        else:
            found = _library(options.library)
            if isinstance(found, str):
                print(f"nothing was run: {found}", file=sys.stderr)  # noqa: T201
                return NOTHING_RUN
            report = measure(options, found, deadline, make_peer)
    except MixlineError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return WRONG
    print(report.to_table())  # noqa: T201
    if options.json is not None:
        options.json.write_text(report.to_json() + "\n", "utf-8")
    return WRONG if report.wrong else 0


def cases(options: argparse.Namespace) -> Iterator[tuple[OpShape, WeightFormat]]:
    """Yield every shape with the weight formats that it is measured with."""
    for shape in SHAPES:
        if shape.name in options.shapes:
            for weight_format in options.weights or FORMATS.get(shape.name, DEFAULT_FORMATS):
                yield shape, weight_format


def rehearse(options: argparse.Namespace) -> Report:
    """Do all of it with small shapes in plain memory; without torch the checks alone."""
    operators = Operators(options.rehearse)
    report = Report(device="plain memory, a rehearsal: its times mean nothing")
    small = [(_small(shape), weight_format) for shape, weight_format in cases(options)]
    for shape, weight_format in small:
        report.rows += _check(operators, PlainMemory(), shape, weight_format, options.tokens)
    if importlib.util.find_spec("torch") is None:
        report.not_run.append("times: torch is not installed")
        return report
    from evaluation.gpu import decode  # noqa: PLC0415 - they want torch
    from evaluation.gpu import measure as gpu  # noqa: PLC0415

    memory = gpu.TorchMemory(device="cpu")
    report.limits = gpu.measure_limits(memory, read_bytes=1 << 16, matrix=64)
    report.rows.clear()
    for shape, weight_format in small:
        _time(operators, memory, shape, weight_format, options.tokens, None, math.inf, report)
    if not options.no_decode:
        sizes = decode.Sizes(layers=2, heads=4, kv_heads=2, head_dim=16, vocab=100, past=8)
        decoded = next(shape for shape in SHAPES if shape.name == DECODED)
        report.decode = decode.measure_decode(operators, memory, _small(decoded), sizes)
    return report


def _small(shape: OpShape) -> OpShape:
    return dataclasses.replace(
        shape,
        hidden=shape.hidden // SMALLER,
        expert_hidden=shape.expert_hidden // SMALLER,
        experts=min(shape.experts, 12),
    )


def measure(
    options: argparse.Namespace,
    library: CudaLibrary,
    deadline: float,
    make_peer: Callable[[Path], Peer] | None,
) -> Report:
    """Check everything, then measure what the time suffices for."""
    from evaluation.gpu import measure as gpu  # noqa: PLC0415 - it wants torch

    operators, memory = Operators(library.path), gpu.TorchMemory()
    report = Report(device=gpu.device_name() or "no GPU")
    for shape, weight_format in cases(options):
        report.rows += _check(operators, memory, shape, weight_format, CHECKED)
    if report.wrong:
        report.not_run.append("times: results are wrong")
        return report
    report.rows.clear()
    report.limits = gpu.measure_limits(memory, READ_BYTES, MATRIX)
    peer = None if make_peer is None else make_peer(library.path)
    if peer is None:
        report.not_run.append("QMoE: onnxruntime-gpu is not installed")
    until = deadline - (0 if options.no_decode else DECODE_S)
    for shape, weight_format in cases(options):
        _time(operators, memory, shape, weight_format, options.tokens, peer, until, report)
    if not options.no_decode:
        _decode(operators, memory, report, deadline)
    return report


def _library(given: Path | None) -> CudaLibrary | str:
    """Return the library, or why nothing can run."""
    if given is not None and not given.is_file():
        return f"expected a library of CUDA operators at {given}, found none"
    folders = [*map(Path, inference.ops.__path__), BUILT] if given is None else [given.parent]
    found = find_cuda_library(folders)
    if found is None:
        looked = ", ".join(map(str, folders))
        return (
            f"expected libmixline_ops_cuda.so in {looked}, found none; build it with"
            " `cmake -S . -B build/cuda -DMIXLINE_CUDA=ON && cmake --build build/cuda`"
        )
    if found.num_devices == 0:
        return f"expected a GPU, found none ({found.no_device})"
    if importlib.util.find_spec("torch") is None:
        return "expected torch, which brings memory, events and graphs, found none"
    return found


def _check(
    operators: Operators,
    memory: Memory,
    shape: OpShape,
    weight_format: WeightFormat,
    all_tokens: Sequence[int],
) -> Iterator[Row]:
    weights = draw_weights(shape, weight_format, np.random.default_rng(0))
    layer = Layer(operators, memory, shape, weight_format, weights)
    for tokens in all_tokens:
        yield Row(
            shape=shape.name,
            weights=weight_format,
            tokens=tokens,
            error=_error(layer, memory, shape, weights, tokens),
        )


def _error(layer: Layer, memory: Memory, shape: OpShape, weights: Weights, tokens: int) -> float:
    rng = np.random.default_rng(tokens)
    logits = rng.standard_normal((tokens, shape.experts), np.float32)
    x = rng.standard_normal((tokens, shape.hidden)).astype(np.float16)
    return relative_error(layer, memory, shape, weights, logits, x)


def _time(
    operators: Operators,
    memory: "TorchMemory",
    shape: OpShape,
    weight_format: WeightFormat,
    all_tokens: Sequence[int],
    peer: Peer | None,
    until: float,
    report: Report,
) -> None:
    """Add a row for each number of tokens."""
    from evaluation.gpu import measure as gpu  # noqa: PLC0415 - it wants torch

    rng = np.random.default_rng(1)
    weights = draw_weights(shape, weight_format, np.random.default_rng(0))
    layer = Layer(operators, memory, shape, weight_format, weights)
    for tokens in all_tokens:
        name = f"{shape.name} {weight_format} {tokens}"
        if time.monotonic() > until:
            report.not_run.append(f"{name}: the time was over")
            continue
        ms, used = gpu.time_layer(layer, memory, shape, tokens, rng)
        row = Row(
            shape=shape.name,
            weights=weight_format,
            tokens=tokens,
            error=_error(layer, memory, shape, weights, tokens),
            ms=ms,
            weight_bytes=round(used * weights.bytes_per_expert),
            operations=shape.operations(tokens),
        )
        if peer is not None:
            try:
                ours, theirs = peer.time(shape, weight_format, weights, tokens)
            except MixlineError as error:
                report.not_run.append(f"QMoE, {name}: {error}")
            else:
                row = dataclasses.replace(row, ms_in_session=ours, ms_qmoe=theirs)
        report.rows.append(row)


def _decode(operators: Operators, memory: "TorchMemory", report: Report, deadline: float) -> None:
    """Measure decoding; its failure leaves the rest of the report."""
    if time.monotonic() > deadline:
        report.not_run.append("decoding: the time was over")
        return
    from evaluation.gpu.decode import Sizes, measure_decode  # noqa: PLC0415 - it wants torch

    shape = next(shape for shape in SHAPES if shape.name == DECODED)
    try:
        report.decode = measure_decode(operators, memory, shape, Sizes())
    except (MixlineError, RuntimeError) as error:  # torch's out of memory among them
        report.not_run.append(f"decoding: {error}")
