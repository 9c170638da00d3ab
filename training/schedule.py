"""Warm-up, plateau, decay over a budget of wall-clock time or tokens."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["stable", "decay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleConfig:
    """Shares of the whole budget, and the lengths of rows before and in the decay."""

    warmup: float
    decay: float
    quantised: float
    """Share at the end in which the forward pass sees 4-bit weights."""
    context_stable: int
    context_decay: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long a run is, from its very start: seconds of training, tokens, or a deadline.

    Exactly one is set. A deadline (Unix time) becomes seconds when the run starts or goes on.
    """

    seconds: float | None = None
    tokens: int | None = None
    until: float | None = None

    def resolved(self, *, spent_seconds: float, now: float) -> "Budget":
        """Turns a deadline into seconds for a run that has already spent some."""
        if self.until is None:
            return self
        return Budget(seconds=spent_seconds + max(0.0, self.until - now))

    def progress(self, *, seconds: float, tokens: int) -> float:
        """Share of the (resolved) budget that is used, 0 to 1."""
        if self.tokens is not None:
            return min(1.0, tokens / self.tokens)
        return min(1.0, seconds / max(self.seconds or 0.0, 1e-9))


def scale(config: ScheduleConfig, progress: float) -> float:
    """Factor on the learning rate: linear up, 1, linear down to 0."""
    if progress < config.warmup:
        return max(progress / config.warmup, 0.02)
    if progress < 1 - config.decay:
        return 1.0
    return max(0.0, (1 - progress) / config.decay)


def phase(config: ScheduleConfig, progress: float) -> Phase:
    """Says whether the decay has begun."""
    return "decay" if progress >= 1 - config.decay else "stable"


def quantised(config: ScheduleConfig, progress: float) -> bool:
    """Says whether the forward pass sees 4-bit weights."""
    return progress >= 1 - config.quantised


@dataclass(slots=True)
class Stopwatch:
    """Seconds of training over all sessions of a run."""

    before: float
    clock: Callable[[], float] = time.monotonic
    _start: float = 0.0

    def __post_init__(self) -> None:
        self._start = self.clock()

    @property
    def seconds(self) -> float:
        """Seconds up to now."""
        return self.before + self.clock() - self._start
