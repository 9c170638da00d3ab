"""What is expected before each token of a known line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluation.forced import Step, steps
from evaluation.positions import Place, Position
from evaluation.repositories import read_repositories
from inference.config import EngineConfig
from inference.loading import load

LINE = "connection = open_connection(host, port)"
FILES = {
    "r/a.py": f"def first(host, port):\n    {LINE}\n    return connection\n",
    "r/same.py": f"def first(host, port):\n    {LINE}\n",
}


@pytest.fixture
def walked(
    tiny_model: Path, make_repositories: Callable[[dict[str, str]], Path]
) -> list[list[Step]]:
    """The steps of one place with the other file open, then without."""
    (repository,) = read_repositories(make_repositories(FILES))
    position = Position(
        repository=repository, file=repository.files[0], place=Place.MID_LINE, line=1, column=16
    )
    generator, _ = load(tiny_model, EngineConfig(threads=1), lambda *_: None)
    found = list(steps(generator, position, [position.others(), []], 6))
    return [[step for step in found if step.line == line] for line in (6, 7)]


def test_an_open_file_has_each_token(walked: list[list[Step]]) -> None:
    """The right token is among those that places go on with, at every step; without it seldom."""
    with_file, without = walked

    assert len(with_file) == len(without) > 3
    assert all(step.right >= 0 for step in with_file)
    assert sum(step.right >= 0 for step in without) < len(without) / 2
    assert with_file[0].healing
    assert not with_file[-1].healing


def test_chances_are_the_network_s(walked: list[list[Step]]) -> None:
    """The same with both indexes, each at most the first choice's."""
    for one, other in zip(*walked, strict=True):
        assert one.chance == other.chance == one.chances[one.right]
        assert 0 < one.chance <= one.peak == other.peak <= 1
        assert len(one.which) == len(one.table)
        assert set(one.which.tolist()) == set(range(len(one.chances)))
        assert np.isfinite(one.chances).all()
