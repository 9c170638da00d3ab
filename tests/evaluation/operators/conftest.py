"""Layers small enough to be measured in a moment."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from evaluation.operators.shapes import OpShape

TINY = OpShape(name="tiny", hidden=64, expert_hidden=32, experts=8, experts_per_token=2)


@pytest.fixture
def tiny_shape() -> OpShape:
    """Eight experts, two of them for each token, as Qwen's."""
    return TINY


@pytest.fixture
def tiny_gpt_oss() -> OpShape:
    """The same sizes with gpt-oss's biases and activation."""
    return replace(TINY, biases=True, activation="swiglu_oai")


@pytest.fixture(params=["plain", "biased"])
def any_shape(request: pytest.FixtureRequest, tiny_gpt_oss: OpShape) -> OpShape:
    """Both kinds in turn."""
    return TINY if request.param == "plain" else tiny_gpt_oss


@pytest.fixture
def make_shape() -> Callable[..., OpShape]:
    """Change sizes of the tiny layer."""
    return lambda **sizes: replace(TINY, **sizes)
