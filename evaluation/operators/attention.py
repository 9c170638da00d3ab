"""Paired, alternating calls of CachedAttention and of ONNX Runtime's GroupQueryAttention."""

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from evaluation.operators.limits import last_level_cache_bytes
from evaluation.operators.onnx_graph import Call, Value, serialize_graph
from inference.errors import MixlineError
from inference.kv_cache import KvFormat, KvShape, KvTensor
from inference.ops import library
from inference.session import BoundGraph

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]
Floats: TypeAlias = npt.NDArray[np.float32]
_BLOCK: Final = 32  # values of an int8 buffer that share a scale
CACHES: Final = 2  # last-level caches of keys and values between two uses of a buffer
WARM_UP: Final = 3
MAX_DIFFERENCE: Final = {"f32": 1e-4, "int8": 0.05}  # of the result's norm


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionCase:
    """One layer's heads, and one kind of step."""

    name: str
    heads: int
    kv_heads: int
    head_dim: int
    tokens: int  # new in this step
    context: int  # with them
    kv: KvFormat = "f32"  # of ours; GroupQueryAttention's is f32
    window: int = 0
    sinks: bool = False
    calls: int = 100

    @property
    def buffers(self) -> tuple[KvTensor, ...]:
        """Our key/value buffers."""
        return KvShape(
            layers=1,
            kv_heads=self.kv_heads,
            head_dim=self.head_dim,
            context=self.context,
            kv_format=self.kv,
        ).tensors


def _steps(name: str, heads: int, kv_heads: int, head_dim: int, **rest: Any) -> list[AttentionCase]:  # noqa: ANN401
    """Decoding at four lengths, checking 8 tokens, a prompt of 512."""
    sizes = {"name": name, "heads": heads, "kv_heads": kv_heads, "head_dim": head_dim, **rest}
    decode = [AttentionCase(tokens=1, context=n, **sizes) for n in (512, 1024, 4096, 16384)]
    check = AttentionCase(tokens=8, context=4096, **{"calls": 40, **sizes})
    prompt = AttentionCase(tokens=512, context=512, **{"calls": 20, **sizes})
    return [*decode, check, prompt]


CASES: Final = (
    *_steps("32/4 x 128", 32, 4, 128),
    *_steps("32/4 x 128", 32, 4, 128, kv="int8"),
    *_steps("64/8 x 64, window 128, sinks", 64, 8, 64, window=128, sinks=True),
    AttentionCase(
        name="mixline-mini-17m", heads=4, kv_heads=2, head_dim=64, tokens=1, context=1024
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionRow:
    """One case; times are medians, of ours beside GroupQueryAttention's in turn."""

    name: str
    kv: str
    tokens: int
    context: int
    ms: float
    ms_gqa: float
    ratio: float  # median of ours / GroupQueryAttention's, pair by pair
    gbps: float  # bytes of keys and values in reach over our time
    difference: float  # norm of the difference over the norm of the result
    calls: int


def bench_attention(
    cases: Sequence[AttentionCase],
    threads: int,
    calls: int | None = None,
    done: Callable[[], None] = lambda: None,
) -> tuple[AttentionRow, ...]:
    """Measure all cases; `calls` replaces the number of pairs that a case names.

    Raises:
        MixlineError: a session cannot be opened or run, or its answer is not the other's.
    """
    rows = []
    for case in cases:
        rows.append(_measure(case, threads, calls or case.calls))
        done()
    return tuple(rows)


def _measure(case: AttentionCase, threads: int, calls: int) -> AttentionRow:
    rng = np.random.default_rng(0)
    tokens = _tokens(case, rng)
    sides = [_Side(case, side, tokens, threads) for side in (OURS, GROUP_QUERY)]
    kv_bytes = 2 * 4 * case.kv_heads * case.context * case.head_dim
    copies = max(1, min(math.ceil(CACHES * last_level_cache_bytes() / kv_bytes), 16))
    shape = (1, case.kv_heads, case.context, case.head_dim)
    for _ in range(copies):
        key, value = (rng.standard_normal(shape, dtype=np.float32) for _ in range(2))
        sides[0].add(_stored(case, key, value))
        sides[1].add({"key": key, "value": value})
    times = []
    for call in range(-WARM_UP, calls):
        pair = [side.seconds(call % copies) for side in sides]
        if call >= 0:
            times.append((pair[0], pair[1]))
    ours, theirs = (side.y for side in sides)
    difference = float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
    if not difference <= MAX_DIFFERENCE[case.kv]:
        raise MixlineError(
            f"{case.name}: expected answers within {MAX_DIFFERENCE[case.kv]} of"
            f" GroupQueryAttention's, found {difference:.3g}; the timings would mean nothing"
        )
    seconds = median(ours for ours, _ in times)
    reach = min(case.context, case.window + case.tokens) if case.window else case.context
    per_position = sum(buffer.width * buffer.dtype.itemsize for buffer in case.buffers)
    return AttentionRow(
        name=case.name,
        kv=case.kv,
        tokens=case.tokens,
        context=case.context,
        ms=_digits(seconds * 1e3),
        ms_gqa=_digits(median(theirs for _, theirs in times) * 1e3),
        ratio=round(median(ours / theirs for ours, theirs in times), 3),
        gbps=_digits(case.kv_heads * reach * per_position / seconds / 1e9),
        difference=float(f"{difference:.2g}"),
        calls=calls,
    )


OURS: Final = "CachedAttention"
GROUP_QUERY: Final = "GroupQueryAttention"


class _Side:
    """One operator over several sets of buffers, each bound to a session of its own."""

    def __init__(self, case: AttentionCase, operator: str, tokens: Arrays, threads: int) -> None:
        self._operator, self._case, self._threads = operator, case, threads
        call = _ours(case) if operator == OURS else _group_query(case)
        self._inputs = {name: tokens[name] for name in call.inputs if name in tokens}
        self.y = np.zeros((case.tokens, case.heads * case.head_dim), np.float32)
        y = self.y
        if operator == GROUP_QUERY:  # it wants a batch
            self._inputs |= {name: tokens[name][None] for name in ("query", "key", "value")}
            y = y[None]
        self._outputs: Arrays = {"y": y}
        self._call = call
        self._sessions: list[BoundGraph] = []

    def add(self, caches: Arrays) -> None:
        """Bind one more set of buffers, as past and as present."""
        inputs = self._inputs | {f"past_{name}": array for name, array in caches.items()}
        outputs = self._outputs | {f"present_{name}": array for name, array in caches.items()}
        with tempfile.TemporaryDirectory(prefix="mixline-bench-") as folder:
            path = Path(folder) / "attention.onnx"
            path.write_bytes(serialize_graph([self._call], _values(inputs), _values(outputs), ()))
            session = BoundGraph(path, library=library.library_path(), threads=self._threads)
        session.bind(inputs, outputs)
        self._sessions.append(session)

    def seconds(self, index: int) -> float:
        """Return how long a call over one set takes."""
        started = time.perf_counter()
        self._sessions[index].run()
        return time.perf_counter() - started


def _values(arrays: Arrays) -> list[Value]:
    return [
        Value(name=name, dims=array.shape, element_type=array.dtype.name)
        for name, array in arrays.items()
    ]


def _ours(case: AttentionCase) -> Call:
    names = [tensor.name for tensor in case.buffers]
    past = [f"past_{name}" for name in names]
    rest = ["cosines", "sines", "sinks" if case.sinks else "", *past[2:]]
    return Call(
        op_type=OURS,
        domain="mixline",
        inputs=["query", "key", "value", *past[:2], "past_len", *rest],
        outputs=["y", *(f"present_{name}" for name in names)],
        attributes={
            "num_heads": case.heads,
            "kv_heads": case.kv_heads,
            "head_dim": case.head_dim,
            "window": case.window,
            "kv_format": case.kv,
        },
    )


def _group_query(case: AttentionCase) -> Call:
    past = ["past_key", "past_value", "last_key", "num_keys", "cosines", "sines"]
    return Call(
        op_type=GROUP_QUERY,
        domain="com.microsoft",
        inputs=["query", "key", "value", *past, *(["", "", "sinks"] if case.sinks else [])],
        outputs=["y", "present_key", "present_value"],
        attributes={
            "num_heads": case.heads,
            "kv_num_heads": case.kv_heads,
            "do_rotary": 1,
            **({"local_window_size": case.window} if case.window else {}),
        },
    )


def _tokens(case: AttentionCase, rng: np.random.Generator) -> Arrays:
    """Return the inputs besides the caches, those of both operators."""

    def normal(*shape: int) -> npt.NDArray[np.float32]:
        return rng.standard_normal(shape, dtype=np.float32)

    angles = rng.random((case.context, case.head_dim // 2), dtype=np.float32)
    return {
        "query": normal(case.tokens, case.heads * case.head_dim),
        "key": normal(case.tokens, case.kv_heads * case.head_dim),
        "value": normal(case.tokens, case.kv_heads * case.head_dim),
        "cosines": np.cos(angles),
        "sines": np.sin(angles),
        "sinks": normal(case.heads),
        "past_len": np.array(case.context - case.tokens, np.int32),
        "last_key": np.array([case.context - 1], np.int32),
        "num_keys": np.array(case.context, np.int32),
    }


def _stored(case: AttentionCase, key: Floats, value: Floats) -> Arrays:
    """Return copies of keys and values as our operator's cache holds them."""
    if case.kv == "f32":
        return {"key": key.copy(), "value": value.copy()}
    arrays: Arrays = {}
    for name, values in (("key", key), ("value", value)):
        blocks = values.reshape(*values.shape[:3], -1, _BLOCK)
        scale = np.abs(blocks).max(axis=-1, keepdims=True) / np.float32(127)
        arrays[name] = np.rint(blocks / scale).astype(np.int8).reshape(values.shape)
        arrays[f"{name}_scale"] = np.ascontiguousarray(scale[..., 0])
    return {tensor.name: arrays[tensor.name] for tensor in case.buffers}


def _digits(value: float) -> float:
    """Round to four significant digits."""
    return float(f"{value:.4g}")
