"""How a benchmark is run: which model, on what, how much of it."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from inference import EngineConfig


def benchmark_config(threads: int | None = None) -> EngineConfig:
    """Return how benchmarks open an engine: what is written depends on no clock."""
    if threads is None:
        return EngineConfig(search_ms=math.inf)
    return EngineConfig(threads=threads, search_ms=math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says; each benchmark takes what concerns it."""

    model: Path  # directory
    config: EngineConfig = field(default_factory=benchmark_config)
    data: Path | None = None  # None: the project's own sample
    limit: int | None = None  # at most so many problems, places or files
    workspace_expert: bool = True  # False: infilling and humaneval ask the network alone
    effort: float = 1.0  # bits: also with this effort, see inference.parse_effort
    fresh: bool = False  # measure again what a former run had measured
