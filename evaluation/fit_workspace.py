"""Fits how much each place of the workspace counts, to code the model may have been trained on.

`python -m evaluation fit-workspace REPOSITORIES` draws places as `next-line` does, walks through
the true rest of each line, and finds the figures of `inference/workspace_weights.py` under which
the mixture gives the true tokens the highest likelihood. A token counts as much as a generation is
likely to get to it: a line that is lost at its first token teaches nothing about its tenth. Needs
the `train` extra (torch).
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch.nn.functional import softplus

from evaluation.forced import Step, steps
from evaluation.intervals import rounded
from evaluation.positions import draw_positions
from evaluation.progress import Progress
from evaluation.repositories import read_repositories
from inference.config import EngineConfig
from inference.loading import load
from inference.workspace_weights import LEAST, agreement, features

SEED: Final = 20
_PENALTY: Final = 1e-4  # on the squares of the figures
_ROUNDS: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The figures of `workspace_weights`, and how well they foretell what they were fitted to."""

    weights: tuple[float, ...]
    network: tuple[float, ...]
    sharpness: float
    trust: float
    trust_agreed: float
    steps: int
    nats_network: float  # a token, the network alone
    nats_mixed: float
    nats_network_reached: float  # the same, each token as likely as a generation gets to it
    nats_mixed_reached: float


def gather(model: Path, data: Path, places: int, threads: int) -> list[Step]:
    """Walk through the rests of lines, each with all other files and without the target line's.

    Raises:
        DataError: no repositories there.
        MixlineError: the model cannot be opened or run.
    """
    positions = draw_positions(read_repositories(data), places, SEED)
    generator, _ = load(model, EngineConfig(threads=threads), lambda *_: None)
    found: list[Step] = []
    with Progress("fit-workspace", len(positions)) as progress:
        for number, position in enumerate(positions):
            files = position.others()
            without = [file for file in files if position.target not in file.stripped_lines]
            found += steps(generator, position, [files, without], 2 * number)
            progress.advance()
    return found


class _Data:
    """All steps in one: rows of places, then tokens, then steps."""

    def __init__(self, found: list[Step]) -> None:
        def floats(values: Any) -> torch.Tensor:  # noqa: ANN401 - whatever numpy takes
            return torch.tensor(np.asarray(values), dtype=torch.float32)

        def ids(values: Any) -> torch.Tensor:  # noqa: ANN401
            return torch.tensor(np.asarray(values), dtype=torch.long)

        sizes = [len(step.chances) for step in found]
        firsts = np.cumsum([0, *sizes])
        self.num_tokens, self.num_steps = int(firsts[-1]), len(found)
        self.features = floats(features(np.concatenate([step.table for step in found])))
        self.token_of = ids(
            np.concatenate(
                [step.which + first for step, first in zip(found, firsts[:-1], strict=True)]
            )
        )
        self.step_of = ids(np.repeat(np.arange(len(found)), sizes))
        self.log_chances = floats(np.log(np.concatenate([s.chances for s in found]) + LEAST))
        self.agreement = floats(
            np.concatenate([agreement(s.table, s.which, len(s.chances)) for s in found])
        )
        right = np.zeros(self.num_tokens, dtype=np.float32)
        for step, first in zip(found, firsts[:-1], strict=True):
            if step.right >= 0:
                right[first + step.right] = 1.0
        self.right = floats(right)
        self.chance = floats([step.chance for step in found])
        self.network = floats(np.stack([step.network for step in found]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    """What is fitted."""

    weights: torch.Tensor
    network: torch.Tensor
    others: torch.Tensor  # sharpness - 1 through softplus, both trusts

    @property
    def all(self) -> list[torch.Tensor]:
        return [self.weights, self.network, self.others]


def fit(found: list[Step]) -> Fitted:
    """Return the figures of highest likelihood.

    Args:
        found: the steps of each line in their order.
    """
    data = _Data(found)
    alike = torch.ones(data.num_steps)
    with torch.no_grad():
        reached = _reached(found, _nats(data, _most_likely(data, alike)))
    figures = _most_likely(data, reached)
    with torch.no_grad():
        nats = _nats(data, figures)
    network = -torch.log(data.chance + LEAST)
    return Fitted(
        weights=tuple(map(rounded, figures.weights.tolist())),
        network=tuple(map(rounded, figures.network.tolist())),
        sharpness=rounded(1 + float(softplus(figures.others[0]))),
        trust=rounded(float(figures.others[1])),
        trust_agreed=rounded(float(figures.others[2])),
        steps=len(found),
        nats_network=rounded(float(network.mean())),
        nats_mixed=rounded(float(nats.mean())),
        nats_network_reached=rounded(float((reached * network).mean())),
        nats_mixed_reached=rounded(float((reached * nats).mean())),
    )


def _most_likely(data: _Data, counts: torch.Tensor) -> _Figures:
    """Return the figures of highest likelihood.

    Args:
        data: all steps.
        counts: how much each step counts.
    """
    figures = _Figures(
        weights=torch.zeros(data.features.shape[1], requires_grad=True),
        network=torch.zeros(data.network.shape[1], requires_grad=True),
        others=torch.zeros(3, requires_grad=True),
    )
    optimizer = torch.optim.LBFGS(figures.all, max_iter=_ROUNDS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        penalty = torch.stack([(tensor**2).sum() for tensor in figures.all]).sum()
        total = (counts * _nats(data, figures)).mean() + _PENALTY * penalty
        total.backward()
        return total

    optimizer.step(loss)
    return _Figures(
        weights=figures.weights.detach(),
        network=figures.network.detach(),
        others=figures.others.detach(),
    )


def _reached(found: list[Step], nats: torch.Tensor) -> torch.Tensor:
    """Return how likely a generation gets to each step, relative to the mean of all.

    Args:
        found: the steps.
        nats: minus the log-likelihood of each.
    """
    likely = []
    line, sofar = -1, 0.0
    for step, cost in zip(found, nats.tolist(), strict=True):
        if step.line != line:
            line, sofar = step.line, 0.0
        likely.append(math.exp(-sofar))
        sofar += cost
    reached = torch.tensor(likely)
    return reached / reached.mean()


def _nats(data: _Data, figures: _Figures) -> torch.Tensor:
    """Return minus the log-likelihood of each step; the formula of `workspace_weights.shares`."""
    sharpness = 1 + softplus(figures.others[0])
    trust = figures.others[1] + figures.others[2] * data.agreement
    logs = data.features @ figures.weights
    tops = _highest(logs, data.token_of, data.num_tokens)
    sums = torch.zeros(data.num_tokens).index_add(
        0, data.token_of, torch.exp(sharpness * (logs - tops[data.token_of]))
    )
    tokens = tops + torch.log(sums) / sharpness + trust * data.log_chances
    kept = data.network @ figures.network
    # Relative to the highest of each step, so that no trial of the search overflows.
    peaks = torch.maximum(_highest(tokens, data.step_of, data.num_steps), kept.detach())
    tokens, kept = torch.exp(tokens - peaks[data.step_of]), torch.exp(kept - peaks)
    total = kept.index_add(0, data.step_of, tokens)
    right = (kept * data.chance).index_add(0, data.step_of, tokens * data.right)
    return -torch.log(right / total + LEAST)


def _highest(values: torch.Tensor, groups: torch.Tensor, count: int) -> torch.Tensor:
    """Return the highest value of each group, without a gradient."""
    lowest = torch.full((count,), -1e9)
    return lowest.scatter_reduce(0, groups, values.detach(), "amax")


def show(fitted: Fitted) -> str:
    """Return the figures as JSON."""
    return json.dumps(
        {name: getattr(fitted, name) for name in Fitted.__dataclass_fields__}, indent=1
    )
