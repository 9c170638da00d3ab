"""Choose the next token from the logits of one position: mix, cool, cut, draw; pure functions.

The order is: the network's distribution at temperature 1, mixed with a hint, then temperature,
top-k, min-p, top-p. Log-probabilities are always those of the mixture at temperature 1, so that
they compare across sampling settings.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.errors import ModelDirectoryError
from inference.request import Sampling

# V vocabulary

Floats: TypeAlias = npt.NDArray[np.float32]
Doubles: TypeAlias = npt.NDArray[np.float64]
_FIRST_SORTED: Final = 1024  # top-p rarely needs more; sorting all of a 150k vocabulary takes 10 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Tokens that another predictor expects, and the share of all probability each is given."""

    tokens: npt.NDArray[np.intp]  # each once
    weights: Floats  # 0..1, at most 1 together


class Choice(NamedTuple):
    """The chosen token and its log-probability (nats) in the mixture at temperature 1."""

    token: int
    logprob: float


def generator(seed: int) -> np.random.Generator:
    """Return the random stream of one generation; any integer is a seed."""
    return np.random.default_rng(seed % 2**64)


def distribution(logits: Floats) -> Floats:
    """Return the probabilities ``[V]`` of logits ``[V]``; minus infinity forbids a token.

    Raises:
        ModelDirectoryError: the logits hold a NaN or no finite value.
    """
    peak = float(logits[int(logits.argmax())])  # of a NaN's array this is the NaN
    if not math.isfinite(peak):
        raise ModelDirectoryError(
            "expected finite logits, the model returned NaN or infinity; check the model directory"
            " with `mixline doctor` and export it again"
        )
    exps: Floats = np.exp(logits - np.float32(peak))
    exps /= np.float32(exps.sum(dtype=np.float64))
    return exps


def mix(probabilities: Floats, hint: Hint) -> None:
    """Give the hint's tokens their shares and the network what is left, in place."""
    probabilities *= np.float32(max(0.0, 1.0 - float(hint.weights.sum(dtype=np.float64))))
    probabilities[hint.tokens] += hint.weights


def choose(probabilities: Floats, sampling: Sampling, rng: np.random.Generator) -> Choice:
    """Choose one token.

    Args:
        probabilities: ``[V]``, at least one of them above 0.
        sampling: temperature 0 takes the most likely token and draws nothing from `rng`.
        rng: see `generator`.
    """
    if sampling.temperature == 0.0:
        token = int(probabilities.argmax())
    else:
        token = draw(probabilities.astype(np.float64), sampling, rng)
    return Choice(token=token, logprob=_log(float(probabilities[token])))


def draw(probabilities: Doubles, sampling: Sampling, rng: np.random.Generator) -> int:
    """Draw a token from ``[V]`` probabilities, at least one of them above 0, as `sampling` says."""
    (candidates,) = np.nonzero(probabilities)
    with np.errstate(over="ignore", under="ignore"):
        weights = np.exp(
            (np.log(probabilities[candidates]) - math.log(float(probabilities.max())))
            / sampling.temperature
        )
    if 0 < sampling.top_k < candidates.size:
        kept = np.argpartition(weights, -sampling.top_k)[-sampling.top_k :]
        candidates, weights = candidates[kept], weights[kept]
    if sampling.min_p > 0.0:
        kept = weights >= sampling.min_p * weights.max()
        candidates, weights = candidates[kept], weights[kept]
    order = _nucleus(weights, sampling.top_p)
    heights = np.cumsum(weights[order])
    drawn = np.searchsorted(heights, rng.random() * heights[-1], side="right")
    return int(candidates[order[min(int(drawn), order.size - 1)]])


def _nucleus(weights: Doubles, top_p: float) -> npt.NDArray[np.intp]:
    """Return the indices, heaviest first, of the smallest set that holds `top_p` of the mass."""
    if top_p >= 1.0:
        return np.arange(weights.size)
    wanted = top_p * float(weights.sum())
    for sorted_count in (_FIRST_SORTED, weights.size):
        if sorted_count < weights.size:
            order = np.argpartition(weights, -sorted_count)[-sorted_count:]
        else:
            order = np.arange(weights.size)
        # equal weights stay in the order of their ids, so that a seed gives one text everywhere
        order = order[np.lexsort((order, -weights[order]))]
        heights = np.cumsum(weights[order])
        if heights[-1] >= wanted:
            break
    return order[: int(np.searchsorted(heights, wanted, side="left")) + 1]


def _log(probability: float) -> float:
    return min(0.0, math.log(max(probability, 1e-45)))
