"""Sizes of a model directory are those of its graph's weights and buffers."""

import math
from pathlib import Path

from inference.model_dir import ModelDir
from inference.sizes import model_sizes


def test_sizes_are_the_graphs(tiny_model: Path) -> None:
    """A token reads two experts of eight, and a row of each table of cosines; f32 throughout."""
    sizes = model_sizes(ModelDir.open(tiny_model))

    experts = 2 * 8 * 3 * 64 * 48 * 4  # rows of gate and up, columns of down: none padded in f32
    layer = 64 * (4 + 2 + 2) * 32 + 64 * 4 * 32 + 8 * 64 + 2 * 64 + 2 * 32
    head = 600 * 64 + 64
    expected = 4 * (2 * (layer + 2 * 3 * 64 * 40) + head)
    assert math.isclose(sizes.bytes_per_token, expected, rel_tol=0.1)
    assert sizes.bytes_per_token > expected
    assert 0 < sizes.weight_bytes - sizes.bytes_per_token < experts + 2 * 4096 * 32 * 4
    assert (sizes.weights, sizes.kv_format, sizes.context) == ("f32", "f32", 4096)
    assert sizes.kv_bytes_per_position == 2 * 2 * 2 * 32 * 4
    assert sizes.kv_bytes(10**6) == 4096 * sizes.kv_bytes_per_position
