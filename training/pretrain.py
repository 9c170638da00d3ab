"""The training loop: resumable at any moment, on a budget of time or tokens."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from tokenizers import Tokenizer

from training import checkpoint, schedule
from training.checkpoint import State
from training.corpus import Corpus
from training.data import Rows
from training.errors import CheckpointError
from training.fixes import FixIndex
from training.heldout import bits_per_byte, sample_files
from training.model import Model
from training.optim import Optimiser
from training.plot import LOG_NAME, draw_run
from training.precision import products, uses_bf16
from training.progress import Progress
from training.quantise import rounded_weights
from training.recipe import Recipe
from training.schedule import Budget, Phase, Stopwatch
from training.tokenizer import PAD

_HELDOUT_FILES = 40
_HELDOUT_CHARS = 6_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run works on."""

    recipe: Recipe
    corpus: Corpus
    tokenizer: Tokenizer
    out: Path
    budget: Budget
    fixes: FixIndex | None = None
    device: str = "cpu"


@contextmanager
def _stop_flag() -> Iterator[list[bool]]:
    """Turns SIGTERM and SIGINT into a flag, so that the step in progress is not lost."""
    stopped = [False]

    def note(_number: int, _frame: FrameType | None) -> None:
        stopped[0] = True

    previous = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def resume_point(run: Run, now: float) -> Path | None:
    """Picks the checkpoint to go on from; `now` is Unix time.

    The newest one, unless it is in its decay (or finished) while the budget puts the one from
    before the decay on the plateau: so a run that was shipped can be continued.
    """
    last, stable = run.out / checkpoint.LAST, run.out / checkpoint.STABLE
    if not last.is_file() or not stable.is_file():
        return next((path for path in (last, stable) if path.is_file()), None)
    newest, plateau = checkpoint.load(last)[0], checkpoint.load(stable)[0]
    if newest.rows_decay == 0:
        return last
    budget = run.budget.resolved(spent_seconds=plateau.seconds, now=now)
    progress = budget.progress(seconds=plateau.seconds, tokens=plateau.tokens)
    return stable if schedule.phase(run.recipe.schedule, progress) == "stable" else last


class Trainer:
    """Model, optimiser and place in the data of one run."""

    def __init__(self, run: Run) -> None:
        """Starts anew, or goes on from the run's folder.

        Raises:
            CheckpointError: the folder holds a run of another shape or corpus.
        """
        self.run = run
        recipe = run.recipe
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        self.model = Model(recipe.model)
        self.model.initialise(recipe.seed)
        self.state = State(corpus=run.corpus.digest)
        found = resume_point(run, time.time())
        saved = None if found is None else checkpoint.load(found)
        if saved is not None:
            self._check(saved[3])
            self.state = saved[0]
            if self.state.corpus != run.corpus.digest:
                # another corpus is another order of rows: begin its first epoch
                self.state.rows_stable = self.state.rows_decay = 0
                self.state.corpus = run.corpus.digest
            self.model.load_state_dict(saved[1])
        self.model.to(run.device)
        self.half = uses_bf16(recipe.precision, run.device)
        self.optimiser = Optimiser(self.model, recipe.optim, half=self.half)
        if saved is not None:
            self.optimiser.load_state_dict(saved[2])
        self.budget = run.budget.resolved(spent_seconds=self.state.seconds, now=time.time())
        self.watch = Stopwatch(self.state.seconds)
        self._rows: dict[Phase, Rows] = {}
        self._heldout = [
            run.corpus.read(file)[:_HELDOUT_CHARS]
            for file in sample_files(run.corpus, _HELDOUT_FILES)
        ]
        table = [len(run.tokenizer.decode([token]).encode()) for token in range(recipe.model.vocab)]
        table[:16] = [0] * 16
        self._token_bytes = np.array(table)

    def _check(self, config: dict[str, object]) -> None:
        mine = asdict(self.run.recipe.model)
        wrong = [key for key in mine if config.get(key) != mine[key]]
        if wrong:
            raise CheckpointError(
                f"{self.run.out}: expected a run of this recipe's model, found another "
                f"{', '.join(wrong)}; name another --out folder"
            )

    def rows(self, phase: Phase) -> Rows:
        """Rows of the plateau or of the decay; they differ in length, mix and order."""
        if phase not in self._rows:
            recipe = self.run.recipe
            decay = phase == "decay"
            self._rows[phase] = Rows(
                self.run.corpus,
                self.run.tokenizer,
                recipe.mix_decay if decay else recipe.mix,
                context=recipe.schedule.context_decay if decay else recipe.schedule.context_stable,
                seed=recipe.seed + (1 if decay else 0),
                fixes=self.run.fixes,
            )
        return self._rows[phase]

    def next_batch(self, phase: Phase) -> list[np.ndarray]:
        """Takes the next rows, [rows, context + 1] for each forward pass of a step."""
        recipe, rows = self.run.recipe, self.rows(phase)
        micro = max(1, recipe.micro_tokens // rows.context)
        batches = []
        for _ in range(recipe.batch_tokens // recipe.micro_tokens):
            first = self.state.rows_decay if phase == "decay" else self.state.rows_stable
            batches.append(np.stack([rows.row(number) for number in range(first, first + micro)]))
            if phase == "decay":
                self.state.rows_decay += micro
            else:
                self.state.rows_stable += micro
        return batches

    def step(self, progress: float) -> tuple[float, float, torch.Tensor]:
        """One step: returns nats per token, bits per byte, and the load [layers, E]."""
        recipe = self.run.recipe
        batches = self.next_batch(schedule.phase(recipe.schedule, progress))
        num_tokens = sum(int((batch[:, 1:] != PAD).sum()) for batch in batches)
        num_bytes = sum(int(self._token_bytes[batch[:, 1:]].sum()) for batch in batches)
        rounding: AbstractContextManager[None] = nullcontext()
        if schedule.quantised(recipe.schedule, progress):
            rounding = rounded_weights(self.model)
        nats, loads = 0.0, []
        with rounding:
            for batch in batches:
                ids = torch.from_numpy(batch).to(self.run.device)
                with products(half=self.half, device=self.run.device):
                    output = self.model(ids[:, :-1], ids[:, 1:], PAD)
                balance = recipe.balance * output.balance / len(batches)
                (output.nats / num_tokens + balance).backward()
                nats += float(output.nats.detach())
                loads.append(output.load)
        if not math.isfinite(nats):
            raise CheckpointError(
                f"step {self.state.step}: expected a finite loss, found {nats}; resume with a "
                "smaller learning rate"
            )
        self.optimiser.step(schedule.scale(recipe.schedule, progress))
        self.state.step += 1
        self.state.tokens += num_tokens
        return nats / num_tokens, nats / math.log(2) / num_bytes, torch.stack(loads).mean(dim=0)

    def save(self, name: str) -> None:
        """Writes a checkpoint into the run's folder."""
        self.state.seconds = self.watch.seconds
        checkpoint.save(
            self.run.out / name,
            self.state,
            self.model.state_dict(),
            self.optimiser.state_dict(),
            asdict(self.run.recipe.model),
        )

    def heldout(self) -> dict[str, float]:
        """Bits per byte on a fixed small sample of held-out files, at full precision."""
        context = self.run.recipe.schedule.context_stable
        bits, _ = bits_per_byte(self.model, self.run.tokenizer, self._heldout, context=context)
        state = self.state
        return {"step": state.step, "tokens": state.tokens, "bits_per_byte": round(bits, 4)}


def pretrain(run: Run) -> bool:
    """Trains until the budget is used; returns False when a signal ended it earlier."""
    with checkpoint.locked(run.out), _stop_flag() as stopped:
        trainer = Trainer(run)
        with closing(Progress(run.out / LOG_NAME, trainer.budget)) as log:
            return _train(trainer, log, stopped)


def _train(trainer: Trainer, log: Progress, stopped: list[bool]) -> bool:
    recipe, state = trainer.run.recipe, trainer.state
    log.event("start", {"step": state.step, "tokens": state.tokens, "recipe": asdict(recipe)})
    saved = evaluated = time.monotonic()
    while not stopped[0]:
        progress = trainer.budget.progress(seconds=trainer.watch.seconds, tokens=state.tokens)
        if progress >= 1:
            break
        phase = schedule.phase(recipe.schedule, progress)
        if phase == "decay" and state.rows_decay == 0:
            trainer.save(checkpoint.STABLE)
        nats, bits, load = trainer.step(progress)
        log.step(
            state,
            seconds=trainer.watch.seconds,
            phase=phase,
            lr=schedule.scale(recipe.schedule, progress),
            nats=nats,
            bits=bits,
            load=load,
        )
        now = time.monotonic()
        if now - evaluated > recipe.evaluate_minutes * 60:
            evaluated = now
            log.event("heldout", trainer.heldout())
            draw_run(trainer.run.out)
        if now - saved > recipe.checkpoint_minutes * 60:
            saved = now
            trainer.save(checkpoint.LAST)
    trainer.save(checkpoint.LAST)
    if not stopped[0]:
        trainer.save(checkpoint.FINAL)
        log.event("heldout", trainer.heldout())
        draw_run(trainer.run.out)
    log.event("stopped" if stopped[0] else "finished", {"step": state.step, "tokens": state.tokens})
    return not stopped[0]
