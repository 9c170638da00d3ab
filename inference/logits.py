"""The logits of a model directory at every position of a prompt, for comparing it with others."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from inference.config import default_threads
from inference.loading import open_session
from inference.model_dir import ModelDir

Floats: TypeAlias = npt.NDArray[np.float32]


def prompt_logits(path: Path, ids: npt.NDArray[np.int64]) -> Floats:
    """Run a prompt token by token, as decoding does.

    Args:
        path: a model directory.
        ids: token ids, ``[n]``.

    Returns:
        Logits, ``[n, vocab]``.

    Raises:
        MixlineError: the directory cannot be opened or run.
    """
    session = open_session(ModelDir.open(path), default_threads())
    kv = session.new_cache()
    kv.reserve(len(ids), session.kv_shape.context)
    # A step overwrites the logits of the one before.
    return np.stack([session.run(kv, [int(token)], 1.0).copy() for token in ids])
