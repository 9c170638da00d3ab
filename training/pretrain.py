"""The training loop: resumable at any moment, on a budget of time or tokens."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from types import FrameType

from training import checkpoint, schedule
from training.plot import LOG_NAME, draw_run
from training.progress import Progress
from training.schedule import Phase
from training.trainer import Run, Taken, Trainer

_GPU_READ_STEPS = 10
"""Steps between two looks at a GPU's losses: each look waits for the device."""


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


def pretrain(run: Run) -> bool:
    """Trains until the budget is used; returns False when a signal ended it earlier."""
    with (
        checkpoint.locked(run.out),
        _stop_flag() as stopped,
        closing(Trainer(run)) as trainer,
        closing(Progress(run.out / LOG_NAME, trainer.budget)) as log,
    ):
        return _train(trainer, log, stopped)


def _train(trainer: Trainer, log: Progress, stopped: list[bool]) -> bool:
    recipe, state = trainer.run.recipe, trainer.state
    facts = {"step": state.step, "tokens": state.tokens, "recipe": asdict(recipe)}
    log.event("start", facts | trainer.speed)
    saved = evaluated = time.monotonic()
    taken: list[Taken] = []

    def note(phase: Phase, progress: float) -> None:
        nats, bits, load = trainer.read(taken)
        taken.clear()
        log.step(
            state,
            seconds=trainer.watch.seconds,
            phase=phase,
            lr=schedule.scale(recipe.schedule, progress),
            nats=nats,
            bits=bits,
            load=load,
        )

    while not stopped[0]:
        progress = trainer.budget.progress(seconds=trainer.watch.seconds, tokens=state.tokens)
        if progress >= 1:
            break
        phase = trainer.enter(progress)
        taken.append(trainer.step(progress))
        now = time.monotonic()
        evaluates = now - evaluated > recipe.evaluate_minutes * 60
        saves = now - saved > recipe.checkpoint_minutes * 60
        if evaluates or saves or len(taken) == (_GPU_READ_STEPS if trainer.on_gpu else 1):
            note(phase, progress)  # before a save, since it refuses a loss that is no number
        if evaluates:
            evaluated = now
            log.event("heldout", trainer.heldout())
            draw_run(trainer.run.out)
        if saves:
            saved = now
            trainer.save(checkpoint.LAST)
    if taken:
        note(phase, progress)
    trainer.save(checkpoint.LAST)
    if not stopped[0]:
        trainer.save(checkpoint.FINAL)
        log.event("heldout", trainer.heldout())
        draw_run(trainer.run.out)
    log.event("stopped" if stopped[0] else "finished", {"step": state.step, "tokens": state.tokens})
    return not stopped[0]
