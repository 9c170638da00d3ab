"""What the graph promises beyond its numbers: inputs, outputs, effort, refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def graph(tiny_model: Path, runner: Any) -> Any:
    """The tiny model with room for 64 tokens."""
    return runner(tiny_model, 64)


IDS = np.arange(20)


def test_logits_only_where_they_are_asked_for(graph: Any) -> None:
    """Some positions, in any order, or none; the cache is filled all the same."""
    everywhere = graph.step(IDS, 0)

    np.testing.assert_allclose(graph.step(IDS, 0, [19, 3]), everywhere[[19, 3]], rtol=1e-5)
    assert graph.step(IDS[:10], 0, []).shape == (0, 600)
    np.testing.assert_allclose(graph.step(IDS[10:], 10), everywhere[10:], rtol=1e-3, atol=1e-5)


def test_unbound_run_returns_whole_buffers(graph: Any) -> None:
    """`session.run` with plain arrays: present has the capacity of past."""
    feeds = {f"past_{name}": buffer for name, buffer in graph.buffers.items()}
    feeds |= {
        "input_ids": IDS[None],
        "past_len": np.array(0, np.int32),
        "logit_positions": np.array([19]),
        "effort": np.array(1.0, np.float32),
    }

    logits, present = graph.session.run(["logits", "present_1_value"], feeds)

    assert present.shape == (1, 2, 64, 32)
    np.testing.assert_allclose(logits, graph.step(IDS, 0, [19]), rtol=1e-5)


def test_effort_changes_how_many_experts_count(graph: Any) -> None:
    """Half of two experts gives other logits, and a top-p of all mass the same."""
    whole, half = graph.step(IDS, 0), graph.step(IDS, 0, effort=0.5)

    assert np.abs(whole - half).max() > 0.01
    np.testing.assert_array_equal(graph.step(IDS, 0, effort=-1.0), whole)


@pytest.mark.parametrize("effort", [0.0, 1.5, float("nan")])
def test_effort_out_of_range_is_an_error(graph: Any, effort: float) -> None:
    """The graph fails; it does not guess."""
    with pytest.raises(RuntimeError, match="effort"):
        graph.step(IDS, 0, effort=effort)


def test_prompt_beyond_the_buffers_is_an_error(graph: Any) -> None:
    """Nothing is written behind the end of a buffer."""
    with pytest.raises(RuntimeError, match="past_len: expected 0 to 44"):
        graph.step(IDS, 50)


def test_token_outside_the_vocabulary_is_an_error(graph: Any) -> None:
    """An id that the embedding does not have is refused."""
    with pytest.raises(RuntimeError, match="indices element out of data bounds"):
        graph.step(np.array([600]), 0)
