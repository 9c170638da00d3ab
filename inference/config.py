"""How an engine is opened: provider, threads, memory, prefill chunks."""

import os
from dataclasses import dataclass, field
from typing import Final, get_args

from inference.errors import RequestError
from inference.placement import AskedProvider

PROVIDER_VARIABLE: Final = "MIXLINE_PROVIDER"


def default_threads() -> int:
    """Return how many cores this process may use, at most 8: more do not speed up one token."""
    if hasattr(os, "sched_getaffinity"):
        available = len(os.sched_getaffinity(0))
    else:
        available = os.cpu_count() or 1
    return min(8, available)


def default_provider() -> AskedProvider:
    """Return what the environment variable MIXLINE_PROVIDER asks for, ``auto`` without it.

    Raises:
        RequestError: it is no provider.
    """
    asked = os.environ.get(PROVIDER_VARIABLE) or "auto"
    known: tuple[AskedProvider, ...] = get_args(AskedProvider)
    for provider in known:
        if asked == provider:
            return provider
    raise RequestError(f"expected {PROVIDER_VARIABLE} to be {', '.join(known)}, got {asked!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Settings that are fixed when the engine opens.

    Raises:
        RequestError: a value is outside its range.
    """

    provider: AskedProvider = field(default_factory=default_provider)  # auto: cuda where it fits
    threads: int = field(default_factory=default_threads)
    kv_slots: int = 8  # prompts that stay in memory, at most three of them of one document
    kv_budget_tokens: int | None = None  # None: derived from free memory
    # What `ulimit -v` must leave behind loading, for whoever goes on to do more than complete once.
    spare_bytes: int = 0
    prefill_chunk_tokens: int = 256  # at most; a cancel takes effect between two chunks
    search_ms: float = 100.0  # at most, to look for a likelier line than the greedy one; 0: never

    def __post_init__(self) -> None:
        for name in ("threads", "kv_slots", "prefill_chunk_tokens"):
            if getattr(self, name) < 1:
                raise RequestError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if not self.search_ms >= 0.0:
            raise RequestError(f"search_ms must be 0 or more, got {self.search_ms}")
