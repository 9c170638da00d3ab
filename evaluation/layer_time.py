"""Time of a decoding step, split into layers and head, and what more such layers would take."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from inference.kv_cache import KvCache
from inference.loading import open_session
from inference.model_dir import ModelDir

TOUCHED_TOKENS: Final = 512  # read at once before: every expert's pages are then in memory
STEPS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTime:
    """Medians over single tokens, each routed anew, behind a short prompt."""

    layers: int  # of the model that ran
    step_ms: float
    step_without_head_ms: float
    projected_layers: int
    projected_tokens_per_s: float


def layer_time(model: Path, threads: int, layers: int | None = None) -> LayerTime:
    """Run single tokens with and without the head.

    Args:
        model: a model directory.
        threads: of the session.
        layers: project to a model of so many equal layers; None: as many as there are.

    Raises:
        MixlineError: the directory cannot be opened or run.
    """
    opened = ModelDir.open(model)
    sizes = opened.manifest.architecture
    session = open_session(opened, threads)
    kv = KvCache(session.kv_shape)
    ids = np.random.default_rng(0).integers(0, sizes.vocab, TOUCHED_TOKENS + 2 * STEPS).tolist()
    touched = min(TOUCHED_TOKENS, sizes.context // 2)
    kv.reserve(touched + 1, sizes.context)
    session.run(kv, ids[:touched], 1.0)
    rest = iter(ids[TOUCHED_TOKENS:])

    def timed(step: Callable[[list[int]], object]) -> float:
        del kv.tokens[STEPS:]  # a short prompt: the cache costs next to nothing
        started = time.perf_counter()
        step([next(rest)])
        return (time.perf_counter() - started) * 1e3

    pairs = [
        (
            timed(lambda token: session.run(kv, token, 1.0)),
            timed(lambda token: session.run_scored(kv, token, 1, 1.0)),
        )
        for _ in range(STEPS)
    ]
    whole, headless = (float(median(times)) for times in zip(*pairs, strict=True))
    wanted = sizes.layers if layers is None else layers
    projected_ms = whole - headless + headless / sizes.layers * wanted
    return LayerTime(
        layers=sizes.layers,
        step_ms=round(whole, 3),
        step_without_head_ms=round(headless, 3),
        projected_layers=wanted,
        projected_tokens_per_s=round(1e3 / projected_ms, 2),
    )
