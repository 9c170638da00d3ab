"""Counting how often routers choose each expert: exact, on request, from any thread."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from inference.ops import library

Make = Callable[..., Any]


@pytest.fixture(autouse=True)
def stop_counting() -> Iterator[None]:
    """Leave it off, as other tests expect it."""
    yield
    library.count_experts(on=False)


def logits_for(seed: int, tokens: int = 40, experts: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((tokens, experts)).astype(np.float32)


def test_counts_are_those_of_the_ids(make_router: Make) -> None:
    """Every chosen id counts once, an unused slot not at all, whatever the effort."""
    session = make_router(logits_for(0), None, np.float32(1), k=4).session()
    library.count_experts(on=True)
    expected = np.zeros(8, int)
    for seed, effort in enumerate((1.0, 0.5, -0.4)):
        feeds = {"logits": logits_for(seed), "effort": np.array(effort, np.float32)}
        ids, _ = session.run(None, feeds)
        expected += np.bincount(ids[ids >= 0], minlength=8)

    assert library.expert_counts() == {"node": tuple(expected)}


def test_only_what_runs_while_it_is_on_counts(make_router: Make) -> None:
    """Off leaves the counts alone, on begins at nothing."""
    node = make_router(logits_for(0), k=2)
    session = node.session()
    library.count_experts(on=True)
    session.run(None, node.feeds)
    before = library.expert_counts()
    library.count_experts(on=False)
    session.run(None, node.feeds)

    assert sum(before["node"]) == 80
    assert library.expert_counts() == before
    library.count_experts(on=True)
    assert library.expert_counts() == {}


def test_routers_are_told_apart_by_name_in_the_order_of_their_runs(make_router: Make) -> None:
    """A blank or a line end in a name does no harm."""
    library.count_experts(on=True)
    for name in ("layers.1", "layers.0", "a b\nc"):
        node = make_router(logits_for(0), k=2)
        model = node.model()
        model.graph.node[0].name = name
        node.session_of(model).run(None, node.feeds)

    assert list(library.expert_counts()) == ["layers.1", "layers.0", "a b?c"]


def test_sessions_that_run_at_once_lose_no_count(make_router: Make) -> None:
    """Four threads, one session: the sum is what they chose."""
    node = make_router(logits_for(0), k=2)
    session = node.session()
    library.count_experts(on=True)

    def work() -> None:
        for _ in range(50):
            session.run(None, node.feeds)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(library.expert_counts()["node"]) == 4 * 50 * 40 * 2
