"""How likely a model finds a given text: log-probabilities of many tokens in few forward passes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.loading import open_session
from inference.model_dir import ModelDir
from inference.option_scoring import nats_of
from inference.session import Session
from inference.tokenizer import Tokenizer

# N tokens of a chunk, V vocabulary

Floats: TypeAlias = npt.NDArray[np.float32]
Ids: TypeAlias = npt.NDArray[np.intp]
NATS_PER_BIT: Final = math.log(2)
_CHUNK_TOKENS: Final = 128  # logits of so many positions are held at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a model made of a text's tokens."""

    nats: float  # minus the sum of their log-probabilities
    choices: Ids  # the most likely token at each place ``[N]``


class Scorer:
    """A model opened for scoring alone; one thread at a time."""

    def __init__(self, session: Session, tokenizer: Tokenizer, start_id: int) -> None:
        self.tokenizer = tokenizer
        self.start_id = start_id  # stands before a text's first token
        self.context = session.kv_shape.context
        self._session = session
        self._kv = session.new_cache()

    @classmethod
    def open(cls, model: Path, threads: int) -> Self:
        """Load a model directory.

        Raises:
            MixlineError: the directory cannot be opened or run.
        """
        directory = ModelDir.open(model)
        session = open_session(directory, threads)
        begin_id, stop_ids = directory.manifest.begin_id, directory.manifest.stop_ids
        start_id = next(iter(stop_ids), 0) if begin_id is None else begin_id
        return cls(session, Tokenizer.open(directory.tokenizer), start_id)

    def nats(self, ids: Sequence[int], first: int, effort: float = 1.0) -> float:
        """Return minus the log-probability of ``ids[first:]``; arguments and errors as `read`."""
        return self.read(ids, first, effort).nats

    def read(self, ids: Sequence[int], first: int, effort: float = 1.0) -> Reading:
        """Score ``ids[first:]``, each behind all ids before it.

        Args:
            ids: at least one more than `first` and at most the context's length.
            first: 1 or more.
            effort: see `request.parse_effort`.

        Raises:
            MixlineError: too many ids, or the model failed.
        """
        self._kv.rewind(0)
        self._kv.reserve(len(ids), self._session.kv_shape.context)
        total = 0.0
        choices = []
        for start in range(0, len(ids) - 1, _CHUNK_TOKENS):
            end = min(start + _CHUNK_TOKENS, len(ids) - 1)
            unscored = min(max(0, first - 1 - start), end - start)
            logits = self._session.run_scored(self._kv, ids[start:end], unscored, effort)
            choices.append(logits.argmax(axis=1))
            total += nats_of(logits, ids[start + unscored + 1 : end + 1])
        return Reading(nats=total, choices=np.concatenate(choices))
