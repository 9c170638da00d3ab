"""Hit rates of the GPU's cache of experts, counted without a GPU."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.expert_cache import PIECE, hit_rate, stand_ins


@pytest.mark.parametrize(("used", "least", "most"), [((14, 15), 0.8, 0.95), ((0, 1), 1, 1)])
def test_hits_are_of_the_experts_that_are_used(
    used: tuple[int, int], least: float, most: float, fake_library: Path, tmp_path: Path
) -> None:
    """Experts 0 to 3 are there at first; 14 and 15 from the second look on, of twenty."""
    piece = np.zeros((1, 16), np.int64)
    piece[:, list(used)] = PIECE
    graph = stand_ins(tmp_path, 16)

    assert least <= hit_rate(fake_library, graph, [piece] * 20, 0.25) <= most
