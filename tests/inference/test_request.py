"""Requests refuse values outside their range before an engine sees them."""

from collections.abc import Callable
from typing import Any

import pytest

from inference import CompletionRequest, RequestError, Sampling

MakeRequest = Callable[..., CompletionRequest]


@pytest.mark.parametrize(
    "bad",
    [
        {"max_tokens": 0},
        {"effort": 0.0},
        {"effort": 1.5},
        {"effort": float("nan")},
    ],
)
def test_bad_values_are_refused(make_request: MakeRequest, bad: dict[str, Any]) -> None:
    """Before the engine sees them."""
    with pytest.raises(RequestError):
        make_request(**bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"temperature": -0.1},
        {"temperature": 1.1},
        {"temperature": float("nan")},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"min_p": -0.1},
    ],
)
def test_bad_sampling_is_refused(bad: dict[str, Any]) -> None:
    """Each with its name."""
    with pytest.raises(RequestError, match=next(iter(bad))):
        Sampling(**bad)
