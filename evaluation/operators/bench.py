"""`mixline bench ops`: paired, alternating calls of the expert operators, QMoE and llama.cpp."""

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from evaluation.machine import describe_machine
from evaluation.operators.attention import AttentionCase, bench_attention
from evaluation.operators.ggml import Ggml
from evaluation.operators.limits import last_level_cache_bytes, measure_limits
from evaluation.operators.llama import LlamaLayers, llama_tensors, route
from evaluation.operators.load import LoadCost, measure_load
from evaluation.operators.report import LoadRow, OpsReport, Timing
from evaluation.operators.routing import Draw, RotatingRouter
from evaluation.operators.shapes import MANY_TOKENS, OpShape
from evaluation.operators.sides import StoredGraph, store
from evaluation.operators.weights import QuantisedFormat, draw_weights
from evaluation.progress import Progress
from inference.errors import MixlineError
from inference.memory import free_bytes
from inference.ops import library
from inference.session import BoundGraph, onnxruntime_version

Floats = npt.NDArray[np.float32]
CALLS: Final = 200
CALLS_MANY: Final = 20  # from MANY_TOKENS tokens on
WARM_UP: Final = 3
ATTENTION_COST: Final = 100  # of a case, as the others' costs are counted
CACHES: Final = 4  # last-level caches of weights between two uses of an expert
MAX_DIFFERENCE: Final = 0.05  # of a token's norm: two roundings of activations to int8 differ less


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """What to measure, and how often."""

    shapes: Sequence[OpShape]
    tokens: Sequence[int]
    weights: Sequence[QuantisedFormat] = ("int4", "int8")
    calls: int | None = None  # None: CALLS, or CALLS_MANY for many tokens
    threads: int = 2
    reuse_bytes: int | None = None  # None: CACHES last-level caches
    attention: Sequence[AttentionCase] = ()
    llama: bool = True  # measure llama.cpp too, where llama-cpp-python is installed

    def calls_at(self, tokens: int) -> int:
        """Return the number of pairs of calls for so many tokens."""
        return self.calls or (CALLS_MANY if tokens >= MANY_TOKENS else CALLS)


def bench_ops(options: BenchOptions) -> OpsReport:
    """Measure all rows.

    Raises:
        MixlineError: a session cannot be opened or run, or its answer is not QMoE's.
    """
    limits = measure_limits(options.threads)
    left_out: list[str] = []
    timings: dict[QuantisedFormat, list[Timing]] = {"int4": [], "int8": []}
    loads: list[LoadRow] = []
    kinds = [(shape, weights) for shape in options.shapes for weights in options.weights]
    costs = {tokens: options.calls_at(tokens) * (tokens + 2) for tokens in options.tokens}
    total = len(kinds) * (sum(costs.values()) + 1) + len(options.attention) * ATTENTION_COST
    with _llama(options, left_out) as ggml, Progress("bench ops", total) as progress:
        peer = None if ggml is None else ggml.describe()
        for shape, weights in kinds:
            try:
                with Comparison(shape, weights, options, ggml=ggml) as comparison:
                    loads.append(comparison.load)
                    progress.advance()
                    for tokens, cost in costs.items():
                        timings[weights].append(comparison.measure(tokens))
                        progress.advance(cost)
            except NotEnoughMemoryError as error:
                left_out.append(str(error))
                progress.advance(sum(costs.values()) + 1, measured=False)
            # Again, as another program may have had the machine the first time.
            limits = limits.better(measure_limits(options.threads))
        attention = bench_attention(
            options.attention,
            options.threads,
            options.calls,
            done=lambda: progress.advance(ATTENTION_COST),
        )
    return OpsReport(
        machine=describe_machine(),
        kernel=library.chosen_kernel(),
        onnxruntime=onnxruntime_version(),
        ggml=peer,
        limits=limits,
        rows=tuple(timing.row(limits) for timing in timings["int4"]),
        rows_int8=tuple(timing.row(limits) for timing in timings["int8"]),
        loads=tuple(loads),
        attention=attention,
        left_out=tuple(left_out),
    )


@contextmanager
def _llama(options: BenchOptions, left_out: list[str]) -> Iterator[Ggml | None]:
    """Open llama.cpp's library; if there is one that cannot be used, say why in `left_out`."""
    ggml = None
    try:
        ggml = Ggml.installed(options.threads) if options.llama else None
    except MixlineError as error:
        left_out.append(f"{error}: left out")
    yield ggml
    if ggml is not None:
        ggml.close()


class NotEnoughMemoryError(MixlineError):
    """The weights of all sides do not fit into memory, so that nothing could be compared."""


class Comparison:
    """All sides of one shape, open; as many layers as it takes to keep weights out of caches."""

    def __init__(
        self,
        shape: OpShape,
        weights: QuantisedFormat,
        options: BenchOptions,
        seed: int = 0,
        ggml: Ggml | None = None,
    ) -> None:
        """Write the weights, open the sessions, compare their answers, touch every weight.

        Raises:
            NotEnoughMemoryError: the weights of all sides do not fit.
            MixlineError: a session cannot be opened or run, or its answer is not QMoE's.
        """
        self._shape = shape
        self._weights: QuantisedFormat = weights
        self._options = options
        self._rng = np.random.default_rng(seed)
        ours, theirs = draw_weights(shape, weights, self._rng)
        self._side_bytes = (ours.bytes_per_expert(), theirs.bytes_per_expert())
        reuse = options.reuse_bytes
        self._reuse_bytes = CACHES * last_level_cache_bytes() if reuse is None else reuse
        layer_bytes = shape.experts * sum(self._side_bytes)
        # Twice what is asked for, so that chance has a choice; and a second layer where calls that
        # use more than a third of one, and so meet experts of the call before, touch too little.
        one_is_enough = shape.experts * self._side_bytes[0] >= 3 * self._reuse_bytes
        self._layers = max(
            1 if one_is_enough else 2, math.ceil(2 * self._reuse_bytes / layer_bytes)
        )
        # Opening QMoE holds a layer twice: as it is stored, and packed.
        needed = layer_bytes * self._layers + shape.experts * self._side_bytes[1]
        if ggml is not None:  # also twice, as its weights are laid out before they are copied
            needed += shape.experts * self._side_bytes[0] * (self._layers + 1)
        if needed > free_bytes():
            raise NotEnoughMemoryError(
                f"{shape.name} {weights} needs {needed / 1e9:.1f} GB of memory for the weights of"
                f" all sides, {free_bytes() / 1e9:.1f} GB are free: left out"
            )
        self._llama: LlamaLayers | None = None
        if ggml is not None:
            self._llama = LlamaLayers(ggml, shape, weights)
            blocks = llama_tensors(theirs, shape, weights)
            for _ in range(self._layers):
                self._llama.add_layer(blocks)
        self._sessions: list[tuple[BoundGraph, BoundGraph]] = []
        with tempfile.TemporaryDirectory(prefix="mixline-bench-") as folder:
            for layer in range(self._layers):
                mixline = store("mixline", shape, weights, ours, Path(folder), layer)
                qmoe = store("qmoe", shape, weights, theirs, Path(folder), layer)
                if layer == 0:
                    costs = self._load_cost(mixline), self._load_cost(qmoe)
                self._sessions.append((self._open(mixline), self._open(qmoe)))
        self.load = self._load_row(*costs, difference=self._touch_all())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the sessions, which gives their memory back."""
        self._sessions.clear()
        if self._llama is not None:
            self._llama.close()

    def measure(self, tokens: int) -> Timing:
        """Time all sides for so many tokens."""
        router = RotatingRouter(
            experts=self._shape.experts,
            experts_per_token=self._shape.experts_per_token,
            layers=self._layers,
            side_bytes=self._side_bytes,
            reuse_bytes=self._reuse_bytes,
            rng=self._rng,
        )
        logits = self._bind(tokens)
        times: list[tuple[float, float]] = []
        times_llama: list[float] = []
        draws: list[Draw] = []
        for call in range(-WARM_UP, self._options.calls_at(tokens)):
            draw = router.draw(tokens)
            pair = [
                _seconds(session, logits, draw.logits) for session in self._sessions[draw.layer]
            ]
            llama = self._llama_seconds(draw)
            if call >= 0:
                times.append((pair[0], pair[1]))
                times_llama += llama
                draws.append(draw)
        reuses = [draw.reuse_bytes for draw in draws if draw.reuse_bytes is not None]
        return Timing(
            shape=self._shape,
            tokens=tokens,
            seconds=times,
            seconds_llama=times_llama,
            used=[draw.used for draw in draws],
            bytes_per_expert=self._side_bytes[0],
            reuse_bytes=min(reuses, default=None),
        )

    def _llama_seconds(self, draw: Draw) -> list[float]:
        """Return how long llama.cpp takes for what the pair did, if it is measured."""
        if self._llama is None:
            return []
        self._llama.set(draw.layer, *route(draw.logits, self._shape.experts_per_token))
        started = time.perf_counter()
        self._llama.run(draw.layer)
        return [time.perf_counter() - started]

    def _load_cost(self, stored: StoredGraph) -> LoadCost:
        return measure_load(stored.graph, library.library_path(), self._options.threads)

    def _open(self, stored: StoredGraph) -> BoundGraph:
        session = BoundGraph(
            stored.graph, library=library.library_path(), threads=self._options.threads
        )
        stored.forget()
        return session

    def _bind(self, tokens: int) -> Floats:
        """Bind arrays for so many tokens to every session; return the one for logits."""
        x = self._rng.standard_normal((tokens, self._shape.hidden), dtype=np.float32)
        logits = np.zeros((tokens, self._shape.experts), np.float32)
        self._answers = tuple(np.zeros_like(x) for _ in range(2))
        for sessions in self._sessions:
            for session, y in zip(sessions, self._answers, strict=True):
                session.bind({"x": x, "logits": logits}, {"y": y})
        if self._llama is not None:
            self._llama.bind(x)
        return logits

    def _touch_all(self) -> float:
        """Run every expert of every layer; return how far QMoE and we lie apart at most."""
        experts, k = self._shape.experts, self._shape.experts_per_token
        tokens = -(-experts // k)
        logits = self._bind(tokens)
        order = np.arange(tokens * k).reshape(tokens, k) % experts
        logits[:] = self._rng.standard_normal(logits.shape)
        np.put_along_axis(logits, order, 5 + np.take_along_axis(logits, order, 1) / 5, 1)
        difference = 0.0
        for layer, sessions in enumerate(self._sessions):
            for session in sessions:
                session.run()
            difference = max(difference, self._difference("our", self._answers[0]))
            if self._llama is not None:
                self._llama.set(layer, *route(logits, k))
                self._llama.run(layer)
                self._difference("llama.cpp's", self._llama.answer(layer))
        return difference

    def _difference(self, whose: str, y: Floats) -> float:
        """Return how far answers lie from QMoE's, as a share of a token's norm at most.

        Raises:
            MixlineError: too far.
        """
        theirs = self._answers[1]
        norms = np.linalg.norm(y - theirs, axis=1) / np.linalg.norm(theirs, axis=1)
        difference = float(norms.max())
        if not difference <= MAX_DIFFERENCE:
            raise MixlineError(
                f"{self._shape.name} {self._weights}: expected {whose} answers within"
                f" {MAX_DIFFERENCE} of QMoE's on the same weights, found {difference:.3g}; the"
                " timings would mean nothing"
            )
        return difference

    def _load_row(self, ours: LoadCost, theirs: LoadCost, difference: float) -> LoadRow:
        return LoadRow(
            shape=self._shape.name,
            weights=self._weights,
            weight_mb=round(self._shape.experts * self._side_bytes[0] / 1e6, 1),
            token_mb=round(self._shape.experts_per_token * self._side_bytes[0] / 1e6, 3),
            ours=ours,
            qmoe=theirs,
            open_ratio=round(theirs.open_ms / ours.open_ms, 1),
            difference=float(f"{difference:.3g}"),
        )


def _seconds(session: BoundGraph, bound: Floats, logits: Floats) -> float:
    """Return how long one call with these logits takes."""
    bound[:] = logits
    started = time.perf_counter()
    session.run()
    return time.perf_counter() - started
