"""Blocks of GGUF hold the values that the exporter's rounding gives."""

import numpy as np
import pytest
from gguf import GGMLQuantizationType, dequantize

from inference.ops import layout
from training.gguf_blocks import GGUF_WEIGHTS, GgufWeights, store_matrix

ROUNDING = {"q4_0": "int4", "q8_0": "int8"}


@pytest.fixture
def w() -> np.ndarray:
    """Three experts of 5 x 64: a block of zeros, and one whose largest value is negative."""
    w = np.random.default_rng(0).standard_normal((3, 5, 64)).astype(np.float32)
    w[0, 0, :32] = 0
    w[1, 2, 40] = -9
    return w


@pytest.mark.parametrize("weights", ["q4_0", "q8_0"])
def test_blocks_mean_what_the_exporters_rounding_means(w: np.ndarray, weights: GgufWeights) -> None:
    """Read by the gguf package, to the last bit."""
    stored, kind = store_matrix(w, weights)

    expected = layout.dequantize(*layout.quantize(w, ROUNDING[weights], 32), 32)  # type: ignore[arg-type]
    np.testing.assert_array_equal(dequantize(stored, kind), expected)


@pytest.mark.parametrize("weights", ["q4_0", "q8_0"])
def test_rounding_twice_is_rounding_once(w: np.ndarray, weights: GgufWeights) -> None:
    """So weights of a model directory are stored as they are."""
    once = dequantize(*store_matrix(w, weights))

    np.testing.assert_array_equal(dequantize(*store_matrix(once, weights)), once)


@pytest.mark.parametrize("weights", GGUF_WEIGHTS)
def test_rows_without_whole_blocks_are_f16(weights: GgufWeights) -> None:
    """40 inputs are no multiple of 32; f32 stays f32."""
    w = np.linspace(-1, 1, 80, dtype=np.float32).reshape(2, 40)

    stored, kind = store_matrix(w, weights)

    is_f32 = weights == "f32"
    assert kind == (GGMLQuantizationType.F32 if is_f32 else GGMLQuantizationType.F16)
    np.testing.assert_array_equal(stored, w if is_f32 else w.astype(np.float16))
