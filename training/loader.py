"""Makes rows ahead of the trainer in other processes, in the order of their numbers."""

import multiprocessing
import queue
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.corpus import open_corpus
from training.data import MixConfig, Rows
from training.errors import CheckpointError
from training.fixes import FixIndex
from training.tokenizer import load_plain

AHEAD = 4
"""Batches that each process keeps ready."""
_PATIENCE_SECONDS: Final = 2.0
_LONGEST_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a process needs to make rows: they are a function of it and their number."""

    corpus: Path
    tokenizer: Path
    bugs: Path | None
    mix: MixConfig
    context: int
    seed: int
    rows: int
    """Rows of a batch."""
    first: int
    """Number of the first row."""

    def open(self) -> Rows:
        """Opens the corpus."""
        return Rows(
            open_corpus(self.corpus),
            load_plain(self.tokenizer),
            self.mix,
            context=self.context,
            seed=self.seed,
            fixes=None if self.bugs is None else FixIndex(self.bugs),
        )


def _work(plan: Plan, worker: int, workers: int, out: "multiprocessing.Queue[bytes]") -> None:
    parent = multiprocessing.parent_process()
    rows = plan.open()
    first = plan.first + worker * plan.rows
    while True:
        batch = np.stack([rows.row(number) for number in range(first, first + plan.rows)])
        data = batch.astype(np.uint16).tobytes()
        while True:
            try:
                out.put(data, timeout=_PATIENCE_SECONDS)
                break
            except queue.Full:
                if parent is None or not parent.is_alive():  # a killed trainer stops nobody
                    out.cancel_join_thread()
                    return
        first += workers * plan.rows


class Loader:
    """Batches [rows, context + 1] of int64 from `plan.first` on; a context manager."""

    def __init__(self, plan: Plan, workers: int) -> None:
        self._shape = (plan.rows, plan.context + 1)
        self._next = 0
        context = multiprocessing.get_context("spawn")  # a fork would copy CUDA's state
        self._queues: list[multiprocessing.Queue[bytes]] = []
        self._processes: list[SpawnProcess] = []
        for worker in range(workers):
            out = context.Queue(AHEAD)
            process = context.Process(target=_work, args=(plan, worker, workers, out), daemon=True)
            process.start()
            self._queues.append(out)
            self._processes.append(process)

    def next_batch(self) -> NDArray[np.int64]:
        """Returns the next batch, waiting for it if need be.

        Raises:
            CheckpointError: the process that makes it ended, or is stuck.
        """
        worker = self._next % len(self._queues)
        waited = 0.0
        while True:
            try:
                data = self._queues[worker].get(timeout=_PATIENCE_SECONDS)
                break
            except queue.Empty:
                waited += _PATIENCE_SECONDS
                code = self._processes[worker].exitcode
                if code is not None or waited > _LONGEST_SECONDS:
                    raise CheckpointError(
                        f"expected rows from data process {worker}, it "
                        f"{'is stuck' if code is None else f'ended with status {code}'}; "
                        "resume the run"
                    ) from None
        self._next += 1
        return np.frombuffer(data, dtype=np.uint16).reshape(self._shape).astype(np.int64)

    def close(self) -> None:
        """Ends the processes."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()
        for out in self._queues:
            out.close()
