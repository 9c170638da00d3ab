"""What CachedAttention refuses, and that the message says expected and found."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument, RuntimeException

Make = Callable[..., Any]


def zeros(*shape: int) -> Any:
    """Return a float tensor."""
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize("bad", [-1, 4, 1000, np.iinfo(np.int32).min, np.iinfo(np.int32).max])
def test_a_past_that_does_not_fit_is_an_error(bad: int, make_stream: Make) -> None:
    """20 tokens into 23 positions: past_len is 0 to 3."""
    stream = make_stream()
    stream.node.feeds["past_len"][...] = bad

    with pytest.raises(
        InvalidArgument, match=rf"past_len: expected 0 to 3 .*capacity of 23\), got {bad}"
    ):
        stream.node.run()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("query", zeros(20, 127), r"query: expected float \[any, 128\], got float \[20, 127\]"),
        ("query", zeros(1, 20, 128), r"query: expected float \[any, 128\], got float \[1, 20"),
        ("key", zeros(20, 128), r"key: expected float \[20, 64\], got float \[20, 128\]"),
        ("key", zeros(19, 64), r"key: expected float \[20, 64\], got float \[19, 64\]"),
        ("value", zeros(21, 64), r"value: expected float \[20, 64\], got float \[21, 64\]"),
        ("past_key", zeros(1, 2, 23, 16), r"past_key: expected float \[1, 2, any, 32\], got"),
        ("past_key", zeros(2, 2, 23, 32), r"past_key: expected float \[1, 2, any, 32\], got"),
        ("past_key", zeros(1, 4, 23, 32), r"past_key: expected float \[1, 2, any, 32\], got"),
        ("past_key", np.zeros((1, 2, 23, 32), np.int8), r"past_key: expected float .* got int8"),
        ("past_value", zeros(1, 2, 22, 32), r"past_value: expected float \[1, 2, 23, 32\], got"),
        ("past_len", np.zeros(2, np.int32), r"past_len: expected int32 \[\], got int32 \[2\]"),
    ],
)
def test_inputs_that_disagree_are_an_error(
    name: str, value: Any, message: str, make_stream: Make
) -> None:
    """Every input is held against the others before anything is read or written."""
    stream = make_stream()
    stream.node.feeds[name] = value

    with pytest.raises(InvalidArgument, match=message):
        stream.node.run()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("past_key", zeros(1, 2, 23, 32), r"past_key: expected int8 .* got float"),
        ("past_key_scale", zeros(1, 2, 23, 2), r"past_key_scale: expected float \[1, 2, 23, 1\]"),
        ("past_value_scale", zeros(1, 2, 24, 1), r"past_value_scale: expected .*2, 23, 1\], got"),
    ],
)
def test_scales_that_do_not_fit_are_an_error(
    name: str, value: Any, message: str, make_stream: Make
) -> None:
    """One scale per token, head and block of 32."""
    stream = make_stream(kv_format="int8")
    stream.node.feeds[name] = value

    with pytest.raises(InvalidArgument, match=message):
        stream.node.run()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("cosines", zeros(19, 16), r"cosines: expected at least 20 positions.*got float \[19, 16"),
        ("cosines", zeros(23, 17), r"cosines: expected .* 1 to 16 pairs, got float \[23, 17\]"),
        ("cosines", zeros(23, 0), r"cosines: expected .* 1 to 16 pairs, got float \[23, 0\]"),
        ("sinks", zeros(3), r"sinks: expected float \[4\], got float \[3\]"),
    ],
)
def test_tables_that_do_not_fit_are_an_error(
    name: str, value: Any, message: str, make_stream: Make
) -> None:
    """There are angles for every position, and a sink for every head."""
    stream = make_stream(sinks=True)
    stream.node.weights[name] = value
    if name == "cosines":
        stream.node.weights["sines"] = value

    with pytest.raises(InvalidArgument, match=message):
        stream.node.run()


def test_cosines_without_sines_are_an_error(make_stream: Make) -> None:
    """Both or neither, of one shape."""
    stream = make_stream()
    stream.node.weights["sines"] = zeros(23, 15)

    with pytest.raises(InvalidArgument, match=r"sines: expected float \[23, 16\], got float \[23"):
        stream.node.run()


def test_scales_belong_to_an_int8_cache(make_stream: Make) -> None:
    """They are missing with int8, or too many with f32."""
    node = make_stream(kv_format="int8").node
    bare = replace(node, outputs=["y", "present_key", "present_value"])
    bare.inputs[-2:] = []

    with pytest.raises(InvalidArgument, match=r"past_key_scale: expected float .* got nothing"):
        bare.run()

    scaled = make_stream().node
    scaled.inputs.extend(["past_key_scale"])
    scaled.feeds["past_key_scale"] = zeros(1, 2, 23, 1)
    with pytest.raises(InvalidArgument, match="past_key_scale: expected nothing with kv_format f"):
        scaled.run()


def test_an_int8_cache_needs_its_outputs(make_stream: Make) -> None:
    """Without present scales the cache could not be continued."""
    node = make_stream(kv_format="int8").node
    node.outputs[-2:] = []

    with pytest.raises(InvalidArgument, match="expected the node to have output 3, found none"):
        node.run()


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"num_heads": None}, "expected the attribute 'num_heads', found none"),
        ({"kv_heads": None}, "expected the attribute 'kv_heads', found none"),
        ({"head_dim": None}, "expected the attribute 'head_dim', found none"),
        ({"num_heads": 0}, "num_heads: expected 1 to 4096, got 0"),
        ({"num_heads": 2**40}, "num_heads: expected 1 to 4096"),
        ({"kv_heads": 3}, "kv_heads: expected a divisor of num_heads, 4, got 3"),
        ({"kv_heads": 8}, "kv_heads: expected a divisor of num_heads, 4, got 8"),
        ({"head_dim": 40}, "head_dim: expected a multiple of 16 up to 256, got 40"),
        ({"head_dim": 0}, "head_dim: expected a multiple of 16 up to 256, got 0"),
        ({"head_dim": -16}, "head_dim: expected a multiple of 16 up to 256, got -16"),
        ({"head_dim": 272}, "head_dim: expected a multiple of 16 up to 256, got 272"),
        (
            {"head_dim": 48, "kv_format": "int8"},
            "head_dim: expected a multiple of 32 up to 256, got 48",
        ),
        ({"window": -1}, "window: expected 0 to 1073741824, got -1"),
        ({"kv_format": "fp8"}, "kv_format: expected f32 or int8, got 'fp8'"),
        ({"scale": "big"}, "scale: expected an attribute of type float"),
    ],
)
def test_wrong_attributes_are_an_error_when_the_session_opens(
    attributes: dict[str, int | str | None], message: str, make_stream: Make
) -> None:
    """Nothing is guessed, and the node is named."""
    with pytest.raises(
        (RuntimeException, InvalidArgument), match=f"CachedAttention 'node': {message}"
    ):
        make_stream().node.session(**attributes)
