"""The packed weight layout: its bytes, its rounding, its inverse, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import LayoutError
from inference.ops import layout, mxfp4, tiles
from inference.ops.layout import WeightFormat

QUANTISED: tuple[WeightFormat, ...] = ("int8", "int4")
FORMATS: tuple[tuple[WeightFormat, int], ...] = (
    ("f32", 32),
    ("int8", 32),
    ("int8", 128),
    ("int4", 32),
    ("int4", 128),
    ("mxfp4", 32),
)
shapes = st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 300))
seeds = st.integers(0, 2**32 - 1)


def random_weights(seed: int, shape: tuple[int, ...]) -> layout.Floats:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_int4_byte_order_is_the_documented_one() -> None:
    """Byte row*4 + j of a 64-byte group holds input k+j low and input k+4+j high, as q + 8.

    64 bytes of scales come before the groups.
    """
    w = np.zeros((1, 16, 32), dtype=np.float32)
    w[0, :, 31] = 7.0  # fixes every scale at 1
    w[0, 3, 8 + 1] = 5.0  # second group, j = 1, low nibble
    w[0, 3, 8 + 4 + 1] = -6.0  # the same byte, high nibble

    packed = layout.pack("int4", 32, w)[0]

    assert packed[128 + 3 * 4 + 1] == (5 + 8) | ((-6 + 8) << 4)
    assert packed[64] == 0x88
    assert packed[:64].view(np.float16).tolist() == [1.0] * 16 + [0.0] * 16
    assert packed.size == 320  # 32 bytes of scales, filled up to 64, and 4 groups


def test_int8_byte_order_is_the_documented_one() -> None:
    """Byte row*4 + j of a 64-byte group holds input k+j as a signed byte."""
    w = np.zeros((1, 16, 32), dtype=np.float32)
    w[0, :, 31] = 127.0
    w[0, 15, 4 + 2] = -93.0

    packed = layout.pack("int8", 32, w)[0]

    assert packed[128 + 15 * 4 + 2].view(np.int8) == -93
    assert packed[:64].view(np.float16).tolist() == [1.0] * 16 + [0.0] * 16


@pytest.mark.parametrize(
    ("weight_format", "block", "per_chunk", "block_bytes"),
    [
        ("int8", 32, 2, 512),
        ("int8", 128, 2, 2048),
        ("int4", 32, 2, 256),
        ("int4", 128, 2, 1024),
        ("mxfp4", 32, 4, 256),
    ],
)
def test_the_scales_of_a_chunk_come_before_its_values(
    weight_format: WeightFormat, block: int, per_chunk: int, block_bytes: int
) -> None:
    """Blocks take turns: the scales of two (mxfp4: four), their values, the next scales, ..."""
    blocks = per_chunk + 1  # one whole chunk, and one with a single block
    levels = {"int8": 127, "int4": 7, "mxfp4": 6}[weight_format]
    w = np.full((16, blocks, block), levels, np.float32)
    w *= np.float32(2) ** np.arange(blocks)[:, None]  # block b has the scale 2^b

    packed = layout.pack(weight_format, block, w.reshape(1, 16, -1))[0]

    places = [0, 64 + per_chunk * block_bytes]  # where the chunks begin
    scales = np.concatenate([packed[place : place + 64] for place in places])
    if weight_format == "mxfp4":
        by_block = 2.0 ** (scales[: blocks * 16].astype(np.float64) - mxfp4.BIAS)
    else:
        by_block = scales.view(np.float16)[: blocks * 16].astype(np.float64)
    assert by_block.tolist() == np.repeat(2.0 ** np.arange(blocks), 16).tolist()
    value = {"int8": 127, "int4": 0xFF, "mxfp4": 0x77}[weight_format]
    assert (packed[64 : places[1]] == value).all()
    assert (packed[places[1] + 64 :] == value).all()
    assert packed.size == places[1] + 64 + block_bytes


def test_f32_rows_are_interleaved_by_input() -> None:
    """Float k*16 + row of a tile is W[row, k]; missing rows are zeros."""
    w = random_weights(1, (1, 17, 5))

    tiles = layout.pack("f32", 32, w)[0].view(np.float32).reshape(2, 5, 16)

    np.testing.assert_array_equal(tiles[0], w[0, :16].T)
    np.testing.assert_array_equal(tiles[1, :, 0], w[0, 16])
    assert not tiles[1, :, 1:].any()


@pytest.mark.parametrize(("weight_format", "block"), FORMATS)
@settings(max_examples=25)
@given(shape=shapes, seed=seeds)
def test_unpack_inverts_pack(
    weight_format: WeightFormat, block: int, shape: tuple[int, int, int], seed: int
) -> None:
    """unpack(pack(w)) is exactly dequantize(quantize(w)), whatever the shape."""
    w = random_weights(seed, shape)
    expected = w
    if weight_format == "mxfp4":
        expected = mxfp4.dequantize(*mxfp4.quantize(w))
    elif weight_format != "f32":
        expected = layout.dequantize(*layout.quantize(w, weight_format, block), block)

    packed = layout.pack(weight_format, block, w)
    _, rows, columns = shape

    assert packed.shape == (
        shape[0],
        layout.bytes_per_expert(weight_format, block, rows, columns),
    )
    assert packed.shape[1] % tiles.TILE_ALIGN == 0
    unpacked = layout.unpack(weight_format, block, packed, rows, columns)
    np.testing.assert_array_equal(unpacked, expected)


@pytest.mark.parametrize(
    ("weight_format", "block", "columns", "padded", "tile_bytes", "zero"),
    [
        ("int8", 32, 33, 64, 16 * 64 + 32 * 2, 0),
        ("int8", 128, 129, 256, 16 * 256 + 32 * 2, 0),
        ("int4", 32, 90, 96, 8 * 96 + 32 * 3 + 32, 8),
        ("int4", 128, 257, 384, 8 * 384 + 32 * 3 + 32, 8),
        ("mxfp4", 32, 40, 64, 8 * 64 + 16 * 2 + 32, 0),
    ],
)
def test_a_row_that_blocks_do_not_divide_is_filled_up_with_zeros(
    weight_format: WeightFormat,
    block: int,
    columns: int,
    padded: int,
    tile_bytes: int,
    zero: int,
) -> None:
    """The last block's scale is that of the inputs it has; the rest of it is stored as zeros."""
    w = random_weights(2, (1, 20, columns))
    w[:, :, -1] *= 2

    packed = layout.pack(weight_format, block, w)

    assert layout.bytes_per_tile(weight_format, block, columns) == tile_bytes
    assert packed.shape == (1, 2 * tile_bytes)
    as_if_longer = layout.unpack(weight_format, block, packed, 32, padded)
    assert not as_if_longer[:, :, columns:].any()
    assert not as_if_longer[:, 20:].any()
    last = packed[0, tile_bytes - 1]
    assert last == (zero if weight_format == "int8" else zero | zero << 4)
    long_enough = np.pad(w, ((0, 0), (0, 0), (0, padded - columns)))
    np.testing.assert_array_equal(layout.pack(weight_format, block, long_enough), packed)


@pytest.mark.parametrize("weight_format", layout.WEIGHT_FORMATS)
@settings(max_examples=25)
@given(shape=shapes, seed=seeds)
def test_gate_and_up_tiles_alternate(
    weight_format: WeightFormat, shape: tuple[int, int, int], seed: int
) -> None:
    """Tile 2t of a gate/up pair is gate tile t, tile 2t+1 is up tile t."""
    gate, up = random_weights(seed, (2, *shape))
    _, rows, columns = shape
    tile_bytes = layout.bytes_per_tile(weight_format, 32, columns)

    packed = layout.pack_gate_up(weight_format, 32, gate, up)

    tiles = packed.reshape(shape[0], -1, 2, tile_bytes)
    for part, w in enumerate((gate, up)):
        alone = layout.pack(weight_format, 32, w).reshape(shape[0], -1, tile_bytes)
        np.testing.assert_array_equal(tiles[:, :, part], alone)
        unpacked = layout.unpack_gate_up(weight_format, 32, packed, rows, columns)[part]
        np.testing.assert_array_equal(
            unpacked, layout.unpack(weight_format, 32, alone.reshape(shape[0], -1), rows, columns)
        )


@pytest.mark.parametrize(("weight_format", "levels"), [("int8", 127), ("int4", 7)])
@settings(max_examples=50)
@given(seed=seeds, columns=st.integers(1, 200), exponent=st.integers(-10, 10))
def test_rounding_error_is_at_most_half_a_step(
    weight_format: WeightFormat, levels: int, seed: int, columns: int, exponent: int
) -> None:
    """|w - dequantised| <= scale / 2, plus what the scale lost when it became fp16."""
    w = random_weights(seed, (3, columns)) * np.float32(2.0**exponent)

    q, scale = layout.quantize(w, weight_format, 32)

    error = np.abs(layout.dequantize(q, scale, 32) - w)
    step = np.repeat(scale.astype(np.float32), 32, axis=-1)[:, :columns]
    fp16_loss = levels * np.maximum(step * 2.0**-11, 2.0**-25)
    assert (error <= step / 2 + fp16_loss).all()


@pytest.mark.parametrize("weight_format", QUANTISED)
def test_a_block_of_zeros_stays_zero(weight_format: WeightFormat) -> None:
    """A zero scale gives zeros, without a division warning; so do values below fp16's range."""
    w = np.zeros((2, 64), dtype=np.float32)
    w[1] = 1e-12

    q, scale = layout.quantize(w, weight_format, 32)

    assert not q.any()
    assert not scale.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e9])
@pytest.mark.parametrize("weight_format", QUANTISED)
def test_values_that_have_no_fp16_scale_are_refused(
    weight_format: WeightFormat, bad: float
) -> None:
    """NaN, infinity and huge weights are an error, not a silent infinity."""
    w = np.zeros((1, 1, 32), dtype=np.float32)
    w[0, 0, 3] = bad

    with pytest.raises(LayoutError, match="finite"):
        layout.pack(weight_format, 32, w)


def test_wrong_requests_are_refused() -> None:
    """Each refusal says what was expected and what was found."""
    w = np.ones((1, 16, 32), dtype=np.float32)

    with pytest.raises(LayoutError, match=r"f32, int8, int4 or mxfp4, got 'int3'"):
        layout.pack("int3", 32, w)  # type: ignore[arg-type]
    with pytest.raises(LayoutError, match="int8 or int4, got 'f32'"):
        layout.quantize(w, "f32", 32)
    with pytest.raises(LayoutError, match="block 32 or 128 for int4, got 48"):
        layout.pack("int4", 48, w)
    with pytest.raises(LayoutError, match="block 32 for mxfp4, got 128"):
        layout.pack("mxfp4", 128, w)
    with pytest.raises(LayoutError, match=r"\[experts, outputs, inputs\]"):
        layout.pack("int4", 32, w[0])
    with pytest.raises(LayoutError, match="scalar"):
        layout.quantize(1.0, "int4", 32)
    with pytest.raises(LayoutError, match="one shape"):
        layout.pack_gate_up("int4", 32, w, w[:, :8])
    with pytest.raises(LayoutError, match=r"uint8 \[experts, 640\].*uint8 \[1, 320\]"):
        layout.unpack("int4", 32, layout.pack("int4", 32, w), 17, 32)
    with pytest.raises(LayoutError, match="expected scales"):
        layout.dequantize(np.zeros((1, 33), np.int8), np.zeros((1, 1), np.float16), 32)
