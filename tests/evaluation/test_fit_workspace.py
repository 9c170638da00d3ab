"""Fitting finds the figures under which made-up places foretell as they were made to."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from evaluation.fit_workspace import _reached, fit, show
from evaluation.forced import Step
from inference.workspace_match import Column
from inference.workspace_weights import features, network_features

PLACES = 3


def made_up(count: int) -> list[Step]:
    """Return steps: of three places, long matches are mostly right, far texts mostly wrong."""
    rng = np.random.default_rng(0)
    made = []
    for line in range(count):
        table = np.zeros((PLACES, len(Column)), dtype=np.int32)
        table[:, Column.MATCHED] = rng.integers(6, 100, PLACES)
        table[:, Column.KIND] = rng.integers(2, 4, PLACES)
        logs = 1.2 * np.log2(1 + table[:, Column.MATCHED]) - 2.0 * (table[:, Column.KIND] == 3)
        chances = np.exp([*logs, 4.0])  # the last one: none of them
        right = int(rng.choice(PLACES + 1, p=chances / chances.sum()))
        made.append(
            Step(
                line=line,
                table=table,
                which=np.arange(PLACES),
                chances=np.full(PLACES, 0.01, dtype=np.float32),
                right=right if right < PLACES else -1,
                chance=0.01 if right < PLACES else 0.5,
                network=network_features(0.5, tokens=0, healing=False),
            )
        )
    return made


def test_figures_come_back() -> None:
    """A long match is worth more than a short one, a far text less; both together foretell."""
    fitted = fit(made_up(1500))
    weights = np.asarray(fitted.weights)

    def log(matched: int, kind: int) -> float:
        table = np.zeros((1, len(Column)), dtype=np.int32)
        table[0, [Column.MATCHED, Column.KIND]] = matched, kind
        return float(features(table)[0] @ weights)

    assert log(63, 2) - log(7, 2) == pytest.approx(1.2 * 3, abs=0.8)
    assert log(30, 3) - log(30, 2) == pytest.approx(-2.0, abs=0.6)
    assert fitted.nats_mixed < fitted.nats_network - 0.3
    assert (fitted.steps, json.loads(show(fitted))["steps"]) == (1500, 1500)


def test_what_a_generation_seldom_gets_to_counts_little() -> None:
    """A step counts as the product of what came before it in its line, the mean is 1."""
    first, second, third, other = made_up(4)
    line = [first, replace(second, line=0), replace(third, line=0), other]
    reached = _reached(line, -torch.log(torch.tensor([0.5, 0.1, 0.9, 0.2])))

    assert reached.mean() == pytest.approx(1)
    assert (reached / reached[0]).tolist() == pytest.approx([1, 0.5, 0.05, 1])
