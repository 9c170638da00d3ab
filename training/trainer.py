"""One run's model, optimiser and place in the data, and the step that moves them on."""

import math
import os
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from training import checkpoint, schedule
from training.accelerate import Choice, accelerate, choose_kernel
from training.checkpoint import State
from training.corpus import Corpus
from training.data import Rows
from training.errors import CheckpointError
from training.fixes import FixIndex
from training.heldout import bits_per_byte, sample_files
from training.loader import Loader, Plan
from training.model import Model
from training.optim import Optimiser
from training.precision import products, uses_bf16
from training.quantise import rounded_weights
from training.recipe import Recipe
from training.schedule import Budget, Phase, Stopwatch
from training.tokenizer import PAD

_HELDOUT_FILES = 40
_HELDOUT_CHARS = 6_000
_AHEAD = 0.03
"""Share of the budget before the decay at which its rows begin to be made."""


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
    tokenizer_path: Path | None = None
    """Of `tokenizer`; needed when other processes make the rows."""
    workers: int | None = None
    """Processes that make rows; None is none on a CPU, one less than there are cores on a GPU."""
    kernel: Choice = "auto"
    compiled: bool = True
    """Whether to try torch.compile, on a GPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one step did; its tensors may still be in the making on a GPU."""

    nats: Tensor
    """[] sum over the step's tokens."""
    tokens: int
    bytes: int
    load: Tensor
    """[layers, E] share of the slots that each expert got."""


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
        found = resume_point(run, time.time())  # noqa: TID251 - a date
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
        self.on_gpu = run.device.startswith("cuda")
        self.speed = self._accelerate()
        now = time.time()  # noqa: TID251 - a date
        self.budget = run.budget.resolved(spent_seconds=self.state.seconds, now=now)
        self.watch = Stopwatch(self.state.seconds)
        self._rows: dict[Phase, Rows] = {}
        self._loaders: dict[Phase, Loader] = {}
        cores = os.cpu_count() or 1
        self._workers = run.workers if run.workers is not None else (cores - 1) * self.on_gpu
        self._heldout = [
            run.corpus.read(file)[:_HELDOUT_CHARS]
            for file in sample_files(run.corpus, _HELDOUT_FILES)
        ]
        table = [len(run.tokenizer.decode([token]).encode()) for token in range(recipe.model.vocab)]
        table[:16] = [0] * 16
        self._token_bytes = np.array(table)

    def _accelerate(self) -> dict[str, object]:
        """Puts the model on its fast path where one is asked for; says which."""
        run, recipe = self.run, self.run.recipe
        kernel = choose_kernel(
            run.kernel,
            recipe.model,
            tokens=recipe.micro_tokens,
            device=run.device,
            half=self.half,
        )
        compiled = False
        if self.on_gpu or kernel != "loop":
            compiled = accelerate(
                self.model,
                kernel,
                batch=recipe.micro_tokens,
                contexts=(recipe.schedule.context_stable, recipe.schedule.context_decay),
                half=self.half,
                # the loop reads counts on the host, which no compiled graph can hold
                compiled=run.compiled and self.on_gpu and kernel != "loop",
            )
        return {"kernel": kernel, "compiled": compiled, "torch": torch.__version__}

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

    def prepare(self, phase: Phase) -> None:
        """Starts the processes that make the rows of a phase, if any do."""
        run, rows = self.run, self.rows(phase)
        if not self._workers or phase in self._loaders:
            return
        if run.tokenizer_path is None:
            raise CheckpointError("expected the path of the tokenizer for processes that make rows")
        plan = Plan(
            corpus=run.corpus.folder,
            tokenizer=run.tokenizer_path,
            bugs=None if run.fixes is None else run.fixes.path,
            mix=rows.mix,
            context=rows.context,
            seed=rows.seed,
            rows=max(1, run.recipe.micro_tokens // rows.context),
            first=self.state.rows_decay if phase == "decay" else self.state.rows_stable,
        )
        self._loaders[phase] = Loader(plan, self._workers)

    def enter(self, progress: float) -> Phase:
        """Says which phase a step is in; keeps the state before the decay when that begins."""
        config = self.run.recipe.schedule
        phase = schedule.phase(config, progress)
        if schedule.phase(config, progress + _AHEAD) == "decay":
            self.prepare("decay")
        if phase == "decay" and self.state.rows_decay == 0:
            self.save(checkpoint.STABLE)
        return phase

    def close(self) -> None:
        """Ends the processes that make rows."""
        for loader in self._loaders.values():
            loader.close()

    def next_batch(self, phase: Phase) -> list[np.ndarray]:
        """Takes the next rows, [rows, context + 1] for each forward pass of a step."""
        recipe, rows = self.run.recipe, self.rows(phase)
        self.prepare(phase)
        micro = max(1, recipe.micro_tokens // rows.context)
        batches = []
        for _ in range(recipe.batch_tokens // recipe.micro_tokens):
            first = self.state.rows_decay if phase == "decay" else self.state.rows_stable
            if phase in self._loaders:
                batches.append(self._loaders[phase].next_batch())
            else:
                numbers = range(first, first + micro)
                batches.append(np.stack([rows.row(number) for number in numbers]))
            if phase == "decay":
                self.state.rows_decay += micro
            else:
                self.state.rows_stable += micro
        return batches

    def _on_device(self, batch: np.ndarray) -> Tensor:
        ids = torch.from_numpy(batch)
        return ids.pin_memory().to(self.run.device, non_blocking=True) if self.on_gpu else ids

    def step(self, progress: float) -> Taken:
        """One step of the optimiser.

        Raises:
            CheckpointError: the loss is no number (on a GPU `read` is what notices).
        """
        recipe = self.run.recipe
        batches = self.next_batch(schedule.phase(recipe.schedule, progress))
        num_tokens = sum(int((batch[:, 1:] != PAD).sum()) for batch in batches)
        num_bytes = sum(int(self._token_bytes[batch[:, 1:]].sum()) for batch in batches)
        rounding: AbstractContextManager[None] = nullcontext()
        if schedule.quantised(recipe.schedule, progress):
            rounding = rounded_weights(self.model)
        nats, loads = torch.zeros((), device=self.run.device), []
        with rounding:
            for batch in batches:
                ids = self._on_device(batch)
                with products(half=self.half, device=self.run.device):
                    output = self.model(ids[:, :-1], ids[:, 1:], PAD)
                balance = recipe.balance * output.balance / len(batches)
                (output.nats / num_tokens + balance).backward()
                nats += output.nats.detach()
                loads.append(output.load)
        if not self.on_gpu:
            self._check_finite(float(nats))
        self.optimiser.step(schedule.scale(recipe.schedule, progress))
        self.state.step += 1
        self.state.tokens += num_tokens
        load = torch.stack(loads).mean(dim=0)
        return Taken(nats=nats, tokens=num_tokens, bytes=num_bytes, load=load)

    def _check_finite(self, nats: float) -> None:
        if not math.isfinite(nats):
            raise CheckpointError(
                f"step {self.state.step}: expected a finite loss, found {nats}; resume with a "
                "smaller learning rate"
            )

    def read(self, taken: list[Taken]) -> tuple[float, float, Tensor]:
        """Sums steps up: nats per token, bits per byte, and the mean load [layers, E].

        Raises:
            CheckpointError: the loss of one is no number.
        """
        nats = float(torch.stack([one.nats for one in taken]).sum())
        self._check_finite(nats)
        load = torch.stack([one.load for one in taken]).mean(dim=0).cpu()
        num_tokens, num_bytes = sum(one.tokens for one in taken), sum(one.bytes for one in taken)
        return nats / num_tokens, nats / math.log(2) / num_bytes, load

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
        with self.model.plain():
            bits, _ = bits_per_byte(self.model, self.run.tokenizer, self._heldout, context=context)
        state = self.state
        return {"step": state.step, "tokens": state.tokens, "bits_per_byte": round(bits, 4)}
