"""Reports a run: one line on stderr that is renewed, and a JSON line a step in a log."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from torch import Tensor

from training.checkpoint import State
from training.schedule import Budget

_SMOOTHING = 0.95
_LINE_SECONDS = 20.0


class Progress:
    """Smooths the figures of a run and writes them down."""

    def __init__(self, path: Path, budget: Budget) -> None:
        self._stream = path.open("a", encoding="utf-8")
        self._budget = budget
        self._tokens_per_second = self._seconds = self._tokens = self._bits = 0.0
        self._load: Tensor | None = None
        self._previous: tuple[float, int] | None = None
        self._shown = 0.0

    def close(self) -> None:
        """Closes the log."""
        self._stream.close()

    def event(self, kind: str, facts: dict[str, Any]) -> None:
        """Writes one event into the log and, short, to stderr."""
        row = {"event": kind, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **facts}
        self._stream.write(json.dumps(row) + "\n")
        self._stream.flush()
        shown = " ".join(f"{key} {value}" for key, value in facts.items() if key != "recipe")
        print(f"\n{row['time']} {kind} {shown}", file=sys.stderr, flush=True)

    def step(
        self,
        state: State,
        *,
        seconds: float,
        phase: str,
        lr: float,
        nats: float,
        bits: float,
        load: Tensor,
    ) -> None:
        """Notes one step; the line on a terminal is renewed each time, else every 20 seconds."""
        if self._previous is not None:
            # time and tokens apart: a mean of speeds would hide the slow steps
            self._seconds = self._smooth(self._seconds, seconds - self._previous[0])
            self._tokens = self._smooth(self._tokens, state.tokens - self._previous[1])
            self._tokens_per_second = self._tokens / max(self._seconds, 1e-9)
        self._previous = (seconds, state.tokens)
        self._bits = self._smooth(self._bits, bits)
        self._load = (
            load if self._load is None else _SMOOTHING * self._load + (1 - _SMOOTHING) * load
        )
        shares = self._load * self._load.shape[1]
        row = {
            "step": state.step,
            "tokens": state.tokens,
            "seconds": round(seconds, 1),
            "phase": phase,
            "lr": round(lr, 4),
            "nats": round(nats, 4),
            "bits_per_byte": round(bits, 4),
            "tokens_per_second": round(self._tokens_per_second),
            "expert_share": [round(float(shares.min()), 3), round(float(shares.max()), 3)],
        }
        self._stream.write(json.dumps(row) + "\n")
        self._stream.flush()
        terminal = sys.stderr.isatty()
        if terminal or seconds - self._shown > _LINE_SECONDS:
            self._shown = seconds
            print(
                f"{chr(13) if terminal else ''}step {state.step} {phase} "
                f"{state.tokens / 1e6:.2f} M tokens, {self._tokens_per_second:.0f}/s, "
                f"loss {nats:.3f}, {self._bits:.3f} bits/byte, experts {shares.min():.2f}-"
                f"{shares.max():.2f} of fair, {self._left(state, seconds)} left",
                end="" if terminal else "\n",
                file=sys.stderr,
                flush=True,
            )

    def _smooth(self, old: float, new: float) -> float:
        return new if old == 0.0 else _SMOOTHING * old + (1 - _SMOOTHING) * new

    def _left(self, state: State, seconds: float) -> str:
        if self._budget.tokens is not None:
            left = (self._budget.tokens - state.tokens) / max(self._tokens_per_second, 1.0)
        else:
            left = (self._budget.seconds or 0.0) - seconds
        hours, rest = divmod(max(0, int(left)), 3600)
        return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
