"""Time of a decoding step behind short and long contexts, beside what reading memory allows."""

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from evaluation.machine import GIGABYTE
from evaluation.operators.limits import last_level_cache_bytes
from inference.kv_cache import KvCache
from inference.loading import open_session
from inference.model_dir import ModelDir
from inference.sizes import model_sizes

CONTEXTS: Final = (64, 4096)  # tokens before the one that is decoded
STEPS: Final = 24
TOUCHED_TOKENS: Final = 512  # read at once before: every expert's pages are then in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """The median over single tokens, each routed anew, the network alone."""

    context_tokens: int
    token_mb: float  # of weights and cache, read for the token
    ms_per_token: float
    tokens_per_s: float
    limit_tokens_per_s: float | None
    """At the memory's bandwidth; None where the processor's cache holds what a token reads."""
    share_of_limit: float | None


def step_rows(model: Path, threads: int, read_gbps: float) -> tuple[StepRow, ...]:
    """Run single tokens behind each of `CONTEXTS` that the model has room for.

    What stands in the cache is random: its values do not change the time.

    Args:
        model: a model directory.
        threads: of the session.
        read_gbps: the memory's bandwidth at this moment, for so many threads.

    Raises:
        MixlineError: the directory cannot be opened or run.
    """
    opened = ModelDir.open(model)
    sizes, architecture = model_sizes(opened), opened.manifest.architecture
    session = open_session(opened, threads)
    kv = KvCache(session.kv_shape)
    rng = np.random.default_rng(0)
    touched = min(TOUCHED_TOKENS, sizes.context // 2)
    kv.reserve(touched, sizes.context)
    session.run(kv, rng.integers(0, architecture.vocab, touched).tolist(), 1.0)
    contexts = sorted({min(tokens, sizes.context - 1) for tokens in CONTEXTS})
    times: dict[int, float] = {}
    for context in contexts:
        kv.reserve(context + 1, sizes.context)
        _fill(kv, context, rng)
        steps = []
        for token in rng.integers(0, architecture.vocab, STEPS).tolist():
            started = time.perf_counter()
            session.run(kv, [token], 1.0)
            steps.append(time.perf_counter() - started)
            kv.rewind(context)
        times[context] = median(steps)
    rows = []
    for context, seconds in times.items():
        token_bytes = sizes.bytes_per_token + sizes.kv_read_bytes(context)
        is_limited = token_bytes > last_level_cache_bytes()
        limit = read_gbps * GIGABYTE / token_bytes if is_limited else None
        rows.append(
            StepRow(
                context_tokens=context,
                token_mb=round(token_bytes / 1e6, 2),
                ms_per_token=round(seconds * 1e3, 3),
                tokens_per_s=round(1 / seconds, 2),
                limit_tokens_per_s=None if limit is None else round(limit, 2),
                share_of_limit=None if limit is None else round(1 / seconds / limit, 3),
            )
        )
    return tuple(rows)


def _fill(kv: KvCache, context: int, rng: np.random.Generator) -> None:
    """Let the cache hold ``context`` positions of random keys and values."""
    for tensor, buffer in zip(kv.shape.tensors * kv.shape.layers, kv.buffers, strict=True):
        shape = (*buffer.shape[:2], context, tensor.width)
        if tensor.dtype == np.int8:
            buffer[:, :, :context] = rng.integers(-127, 128, shape, np.int8)
        elif kv.shape.kv_format == "int8":  # scales of the above
            buffer[:, :, :context] = np.float32(1 / 127)
        else:
            buffer[:, :, :context] = rng.standard_normal(shape, np.float32)
    kv.tokens = [0] * context
