"""Logits at every position, for comparing a model directory with another source."""

from pathlib import Path

import numpy as np

from inference.logits import prompt_logits


def test_a_position_does_not_see_what_follows(tiny_model: Path) -> None:
    """Logits of a shorter prompt are the first rows of a longer one's."""
    ids = np.arange(20, 32)
    whole = prompt_logits(tiny_model, ids)
    part = prompt_logits(tiny_model, ids[:5])

    assert whole.shape[0] == len(ids)
    assert np.array_equal(whole[:5], part)
    assert not np.array_equal(whole[4], whole[5])
