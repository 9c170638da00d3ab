"""The training loop of fine-tuning: a time budget, best moment kept, resumable after a kill."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training import checkpoint
from training.checkpoint import State
from training.errors import CheckpointError
from training.finetune_data import IGNORED, WorkspaceRows
from training.finetune_errors import FinetuneError
from training.finetune_model import TunedModel
from training.precision import products, uses_bf16
from training.schedule import Stopwatch

ROWS = 4
"""Rows of a step."""
ADAPTER_LR = 5e-3
HEAD_LR = 1e-2
VECTOR_LR = 3e-3
ROUTER_LR = 2e-3
BALANCE = 0.01
MAX_GRADIENT = 1.0
WARMUP = 0.03
"""Share of the budget in which the rates rise; they fall in all the rest."""
AVERAGED = 0.98
"""How much of the averaged weights stays at a step, once there were some dozens."""
REST, GROWTH = 5.0, 0.2
"""Between two validations lies as many times what one takes, and that share of the time so far:
often at first, for a small workspace is learned in a minute, and never most of the time."""
PATIENCE = 4
"""Validations in a row without a new best one: the model only learns by heart then."""
CUTS = 2
"""How often the run then goes back to its best weights, slower by `CUT`, before it ends."""
CUT = 0.3
PASSES = 2
"""Over the code at most: what comes after them is learned by heart, which the validation files need
not show. On anyio unseen files gained 3.4 % within one pass, 1.8 % in two, and nothing in seven."""
LEAST_STEPS = 40
"""That a small workspace gets all the same."""
CHECKPOINT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TunerStatus:
    """A run at one moment."""

    share: float
    """Of the budget, 0 to 1."""
    step: int
    tokens: int
    tokens_per_second: float
    seconds_left: float
    bits_per_byte: float
    """On the validation files, at the last validation."""
    best_bits_per_byte: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TunerPlan:
    """What a run works on."""

    rows: WorkspaceRows
    validate: Callable[[TunedModel], float]
    """Gives bits per byte on the validation files."""
    folder: Path
    """Where its checkpoint is kept."""
    identity: str
    """Digest of base, data and settings: a checkpoint of another one is not gone on from."""
    seconds: float
    """The budget, over all sessions of the run; it may end before, see `PASSES`."""


def rate(share: float) -> float:
    """Factor on the learning rates at a share of the budget: up, then linear down to 0."""
    return min(max(share / WARMUP, 0.05), max(0.0, 1 - share) / (1 - WARMUP))


class Tuner:
    """Model, optimiser and place in the data of one run."""

    def __init__(self, model: TunedModel, plan: TunerPlan) -> None:
        """Start anew, or go on from the plan's folder."""
        self.model = model
        self.plan = plan
        self.state = State(corpus=plan.identity)
        self.half = uses_bf16("auto", "cpu")
        self.optimiser = _optimiser(model)
        saved = _saved(plan)
        self.is_resumed = saved is not None
        if saved is None:
            self.without_best = self.cuts = 0
            self.average, self.best = model.snapshot(), model.snapshot()
            clock = Stopwatch(0.0)
            self.bits = self.best_bits = self._validate()
            self.due = REST * clock.seconds
        else:
            self.state, parameters, kept = saved
            model.restore(parameters)
            self.optimiser.load_state_dict(kept["adam"])
            self.average, self.best = kept["average"], kept["best"]
            figures = kept["figures"]
            self.due = figures["due"]
            self.without_best, self.cuts = int(figures["without_best"]), int(figures["cuts"])
            self.bits, self.best_bits = figures["bits"], figures["best_bits"]
        self.watch = Stopwatch(self.state.seconds)
        self._saved_at = self.watch.seconds
        self._start = (self.watch.seconds, self.state.tokens)

    @property
    def share(self) -> float:
        """Share of the budget that is used: of its time or, if more, of its passes."""
        rows = max(PASSES * self.plan.rows.rows_per_epoch, LEAST_STEPS * ROWS)
        return min(1.0, max(self.watch.seconds / self.plan.seconds, self.state.rows_stable / rows))

    def steps(self) -> Iterator[TunerStatus]:
        """Train until the budget is used or nothing is won any more; leaves the best weights.

        The caller may stop asking between two steps; `save` then keeps the run.

        Raises:
            FinetuneError: the loss is not finite any more.
        """
        while self.share < 1 and self.cuts <= CUTS:
            self._step(rate(self.share) * CUT**self.cuts)
            if self.watch.seconds >= self.due or self.share >= 1:
                self._note_validation()
            if self.watch.seconds - self._saved_at > CHECKPOINT_SECONDS:
                self.save()
            yield self.status()
        self.save()  # measuring and writing follow, which a kill must not make anyone repeat
        self.model.restore(self.best)

    def status(self) -> TunerStatus:
        """Say how far the run is."""
        seconds, tokens = self._start
        spent = max(self.watch.seconds - seconds, 1e-9)
        return TunerStatus(
            share=self.share,
            step=self.state.step,
            tokens=self.state.tokens,
            tokens_per_second=(self.state.tokens - tokens) / spent,
            seconds_left=self.watch.seconds * (1 / max(self.share, 1e-3) - 1),
            bits_per_byte=self.bits,
            best_bits_per_byte=self.best_bits,
        )

    def save(self) -> None:
        """Write the checkpoint."""
        self.state.seconds = self._saved_at = self.watch.seconds
        figures = {
            "due": self.due,
            "without_best": self.without_best,
            "cuts": self.cuts,
            "bits": self.bits,
            "best_bits": self.best_bits,
        }
        kept = {
            "adam": self.optimiser.state_dict(),
            "average": self.average,
            "best": self.best,
            "figures": figures,
        }
        path = self.plan.folder / checkpoint.LAST
        checkpoint.save(path, self.state, self.model.snapshot(), kept, {})

    def _step(self, scale: float) -> None:
        ids, targets = self.plan.rows.batch(self.state.rows_stable, ROWS)
        num_tokens = int((targets != IGNORED).sum())
        with products(half=self.half, device="cpu"):
            output = self.model(torch.from_numpy(ids), torch.from_numpy(targets), IGNORED)
        loss = output.nats / max(num_tokens, 1)
        (loss + BALANCE * output.balance).backward()
        if not math.isfinite(float(loss.detach())):
            raise FinetuneError(
                f"step {self.state.step}: expected a finite loss, found {float(loss.detach())};"
                " the model's weights are damaged, export it again"
            )
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRADIENT)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak_lr"] * scale
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.state.step += 1
        self.state.tokens += num_tokens
        self.state.rows_stable += ROWS
        stays = min(AVERAGED, self.state.step / (self.state.step + 9))
        for name, tensor in self.model.state_dict().items():
            self.average[name].lerp_(tensor, 1 - stays)

    def _note_validation(self) -> None:
        begin = self.watch.seconds
        self.bits = self._validate()
        now = self.watch.seconds
        self.due = now + max(REST * (now - begin), GROWTH * now)
        if self.bits < self.best_bits:
            self.best_bits, self.without_best = self.bits, 0
            self.best = _copy(self.average)
            return
        self.without_best += 1
        if self.without_best == PATIENCE:
            self.cuts, self.without_best = self.cuts + 1, 0
            self.model.restore(self.best)
            self.average = _copy(self.best)
            self.optimiser = _optimiser(self.model)

    def _validate(self) -> float:
        """Measure the averaged weights: they are better than those of any one step."""
        current = self.model.snapshot()
        self.model.restore(self.average)
        with products(half=self.half, device="cpu"):
            bits = self.plan.validate(self.model)
        self.model.restore(current)
        return bits


def _copy(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in parameters.items()}


def _optimiser(model: TunedModel) -> torch.optim.AdamW:
    return torch.optim.AdamW(_groups(model), betas=(0.9, 0.98), weight_decay=0.0)


def _groups(model: TunedModel) -> list[dict[str, object]]:
    adapters: list[Tensor] = []
    head: list[Tensor] = []
    routers: list[Tensor] = []
    vectors: list[Tensor] = []
    for name, parameter in model.named_parameters():
        if parameter.dim() < 2:  # noqa: PLR2004 - norms
            vectors.append(parameter)
        elif name.startswith("head."):
            head.append(parameter)
        else:
            (routers if name.endswith("router") else adapters).append(parameter)
    return [
        {"params": parameters, "lr": peak, "peak_lr": peak}
        for parameters, peak in (
            (adapters, ADAPTER_LR),
            (head, HEAD_LR),
            (routers, ROUTER_LR),
            (vectors, VECTOR_LR),
        )
    ]


def _saved(plan: TunerPlan) -> tuple[State, dict[str, Tensor], dict[str, Any]] | None:
    """Return the plan's checkpoint, unless there is none, it is damaged, or of another plan."""
    path = plan.folder / checkpoint.LAST
    if not path.is_file():
        return None
    try:
        state, parameters, kept, _ = checkpoint.load(path)
    except CheckpointError:
        return None
    return (state, parameters, kept) if state.corpus == plan.identity else None
