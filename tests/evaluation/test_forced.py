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
from inference.workspace_match import Column

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
    healing = [step.network[3] for step in with_file]
    assert (healing[0], healing[-1]) == (1, 0)


def test_places_are_told_of_each_token(walked: list[list[Step]]) -> None:
    """What the other file has foretold is counted, and so is how little the network expected it."""
    with_file, _ = walked
    before, last = with_file[-2:]

    assert last.table[:, Column.FORETOLD].max() == len(with_file) - 1
    assert last.table[:, Column.EXPLAINED].max() > before.table[:, Column.EXPLAINED].max() > 0


def test_chances_are_the_network_s(walked: list[list[Step]]) -> None:
    """The same with both indexes, each at most the first choice's."""
    for one, other in zip(*walked, strict=True):
        assert one.chance == other.chance == one.chances[one.right]
        assert one.network.tolist() == other.network.tolist()
        assert 0 < one.chance <= np.exp(one.network[1]) <= 1
        assert len(one.which) == len(one.table)
        assert set(one.which.tolist()) == set(range(len(one.chances)))
        assert np.isfinite(one.chances).all()
