"""Checkpoints that a kill at any moment cannot spoil."""

import fcntl
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.errors import CheckpointError

_UNREADABLE = (
    *(OSError, RuntimeError, LookupError, TypeError, ValueError, EOFError),
    pickle.UnpicklingError,
)
LAST, STABLE, FINAL = "last.pt", "stable.pt", "final.pt"


@dataclass(slots=True, kw_only=True)
class State:
    """A run at one moment. Rows are counted per phase, since their lengths differ."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    rows_stable: int = 0
    rows_decay: int = 0
    corpus: str = ""
    """Digest of the corpus."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a run's folder, so that no second process writes into it; ends with the process.

    Raises:
        CheckpointError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CheckpointError(
                f"expected {folder} to be free, but another process trains there; wait for it, or "
                "name another --out folder"
            ) from error
        yield


def save(
    path: Path,
    state: State,
    model: dict[str, Tensor],
    optimiser: dict[str, object],
    config: dict[str, Any],
) -> None:
    """Writes a checkpoint beside the old one, flushes it, then puts it in the old one's place."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        torch.save(
            {"state": asdict(state), "model": model, "optimiser": optimiser, "config": config},
            stream,
        )
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name must survive a power cut, too
    finally:
        os.close(folder)


def load(path: Path) -> tuple[State, dict[str, Tensor], dict[str, object], dict[str, Any]]:
    """Reads a checkpoint: state, weights, optimiser, model configuration.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
        known = {field.name for field in fields(State)}
        state = State(**{key: value for key, value in data["state"].items() if key in known})
        return state, data["model"], data["optimiser"], data["config"]
    except _UNREADABLE as error:
        raise CheckpointError(
            f"expected a training checkpoint at {path}, found: {repr(error)[:200]}; "
            "start anew or name another folder"
        ) from error
