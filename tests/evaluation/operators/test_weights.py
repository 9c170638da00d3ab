"""Both sides hold the same values."""

from collections.abc import Callable

import numpy as np
import pytest

from evaluation.operators.shapes import OpShape
from evaluation.operators.weights import QuantisedFormat, draw_weights
from inference.ops import layout

# E experts, I expert hidden, H hidden


def qmoe_values(name: str, tensors: dict[str, np.ndarray], zero: int) -> np.ndarray:
    """Decode QMoE's weights ``[E, N, K]`` from what its documentation says."""
    stored, scales = tensors[f"{name}_weights"], tensors[f"{name}_scales"]
    if zero == 8:
        stored = np.stack([stored & 15, stored >> 4], axis=-1).reshape(*stored.shape[:-1], -1)
    return (stored.astype(np.float32) - zero) * np.repeat(scales, 32, axis=-1)


@pytest.mark.parametrize(("weight_format", "zero"), [("int4", 8), ("int8", 128)])
def test_dequantised_weights_are_equal(
    any_shape: OpShape, weight_format: QuantisedFormat, zero: int
) -> None:
    """To the last bit, rows of gate and up told apart."""
    ours, theirs = draw_weights(any_shape, weight_format, np.random.default_rng(0))
    rows, columns = any_shape.expert_hidden, any_shape.hidden
    gate, up = layout.unpack_gate_up(weight_format, 32, ours.tensors["gate_up"], rows, columns)
    down = layout.unpack(weight_format, 32, ours.tensors["down"], columns, rows)
    fc1 = qmoe_values("fc1", theirs.tensors, zero)

    assert np.array_equal(gate, fc1[:, 0::2])
    assert np.array_equal(up, fc1[:, 1::2])
    assert np.array_equal(down, qmoe_values("fc2", theirs.tensors, zero))
    assert np.abs(gate).max() > 0


def test_bytes_of_an_expert_count_scales_and_biases(
    make_shape: Callable[..., OpShape],
) -> None:
    """int4 in blocks of 32: 4.5 bits a weight with fp16 scales, 5 with QMoE's f32 ones."""
    rng = np.random.default_rng(0)
    ours, theirs = draw_weights(make_shape(expert_hidden=64), "int4", rng)
    ours_biased, _ = draw_weights(make_shape(expert_hidden=64, biases=True), "int4", rng)
    weights = 3 * 64 * 64

    assert ours.bytes_per_expert() == weights * 9 // 16
    assert theirs.bytes_per_expert() == weights * 10 // 16
    assert ours_biased.bytes_per_expert() == weights * 9 // 16 + 4 * (2 * 64 + 64)
