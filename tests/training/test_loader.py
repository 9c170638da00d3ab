"""Rows from other processes: the same rows in the same order."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from training.corpus import Corpus
from training.data import MixConfig
from training.errors import CheckpointError
from training.loader import Loader, Plan

MIX = MixConfig(docstring=0.1, fix=0, fim=0.5, spm=0.7, header=0.7, snippet=0.5)


@pytest.fixture
def plan(corpus: Corpus, tokenizer_path: Path) -> Plan:
    """Batches of three rows, from row 6 on."""
    return Plan(
        corpus=corpus.folder,
        tokenizer=tokenizer_path,
        bugs=None,
        mix=MIX,
        context=256,
        seed=1,
        rows=3,
        first=6,
    )


def test_processes_keep_the_order(plan: Plan) -> None:
    """Two processes give what one gives."""
    expected = list(islice(plan.open().batches(plan.first, plan.rows), 7))
    loader = Loader(plan, 2)
    try:
        found = [loader.next_batch() for _ in range(7)]
    finally:
        loader.close()

    assert found[0].dtype == np.int64
    assert np.array_equal(np.stack(found), np.stack(expected))
    assert not multiprocessing.active_children()


def take_all(loader: Loader) -> None:
    """More batches than can be ready."""
    for _ in range(20):
        loader.next_batch()


def test_dead_process_is_reported(plan: Plan) -> None:
    """A trainer does not wait for ever."""
    loader = Loader(plan, 1)
    loader.next_batch()
    try:
        os.kill(loader._processes[0].pid, signal.SIGKILL)
        with pytest.raises(CheckpointError, match="data process 0, it ended with status -9"):
            take_all(loader)
    finally:
        loader.close()


def test_killed_trainer_leaves_no_processes(plan: Plan, tmp_path: Path) -> None:
    """They notice within seconds, although nothing tells them."""
    script = tmp_path / "main.py"
    script.write_text(f"""
import sys, time
from pathlib import Path, PosixPath
from training.data import MixConfig
from training.loader import Loader, Plan
if __name__ == "__main__":
    loader = Loader({plan!r}, 1)
    loader.next_batch()
    print(loader._processes[0].pid, flush=True)
    time.sleep(60)
""")
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as trainer:
        assert trainer.stdout is not None
        worker = int(trainer.stdout.readline())
        trainer.kill()

    deadline = time.monotonic() + 30
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(worker)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
