"""Log-probabilities of a text: the same whichever way the graph is asked for them."""

from pathlib import Path

import numpy as np
import pytest

from inference.errors import ContextLengthError
from inference.logits import prompt_logits
from inference.scoring import Scorer

IDS = [0, *np.random.default_rng(0).integers(16, 600, 299).tolist()]


@pytest.fixture(scope="module")
def scorer(tiny_model: Path) -> Scorer:
    """Open the tiny model for scoring."""
    return Scorer.open(tiny_model, threads=2)


@pytest.fixture(scope="module")
def expected(tiny_model: Path) -> np.ndarray:
    """Return minus the log-probability of each id but the first, from logits token by token."""
    logits = prompt_logits(tiny_model, np.asarray(IDS[:-1])).astype(np.float64)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(IDS) - 1), IDS[1:]]


@pytest.mark.parametrize("first", [1, 2, 128, 129, 130, 200, 299])
def test_scores_are_those_of_decoding(scorer: Scorer, expected: np.ndarray, first: int) -> None:
    """From any first token on, also where chunks are context only."""
    assert scorer.nats(IDS, first) == pytest.approx(expected[first - 1 :].sum(), rel=1e-4)


def test_a_run_leaves_nothing_behind(scorer: Scorer) -> None:
    """The same text costs the same after another one."""
    before = scorer.nats(IDS[:50], 1)
    scorer.nats(IDS[100:300], 1)

    assert scorer.nats(IDS[:50], 1) == before


def test_more_than_the_context_is_refused(scorer: Scorer) -> None:
    """The caller cuts windows; an uncut text is an error, not a wrong figure."""
    with pytest.raises(ContextLengthError, match="context"):
        scorer.nats([0] * (scorer.context + 1), 1)
