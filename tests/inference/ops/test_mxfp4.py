"""MXFP4 against the published format, and published weights through the packed layout unchanged."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import LayoutError
from inference.ops import layout, mxfp4
from inference.ops.mxfp4 import Mxfp4

CODES = range(16)
seeds = st.integers(0, 2**32 - 1)


def published_value(code: int, scale: int) -> Fraction:
    """Return a weight as OCP MX v1.0 defines it: (-1)^S 2^(E - 1) 1.M, or 2^0 0.M where E = 0."""
    sign, exponent, mantissa = code >> 3, code >> 1 & 3, code & 1
    if exponent == 0:
        magnitude = Fraction(mantissa, 2)
    else:
        magnitude = Fraction(2) ** (exponent - 1) * (1 + Fraction(mantissa, 2))
    return (-1) ** sign * magnitude * Fraction(2) ** (scale - 127)


def random_published(seed: int, shape: tuple[int, ...]) -> Mxfp4:
    """Draw every code and every scale but NaN."""
    rng = np.random.default_rng(seed)
    *rows, columns = shape
    return Mxfp4(
        nibbles=rng.integers(0, 256, (*rows, columns // 2), dtype=np.uint8),
        scales=rng.integers(0, 255, (*rows, columns // 32), dtype=np.uint8),
    )


def test_every_code_and_scale_has_its_published_value() -> None:
    """All 16 codes x 255 scales, bit for bit; what f32 cannot hold is infinite."""
    codes = np.tile(np.array(CODES, dtype=np.uint8), (255, 2))
    scales = np.arange(255, dtype=np.uint8)[:, None]

    values = mxfp4.dequantize(codes, scales)

    largest = Fraction(float(np.finfo(np.float32).max))
    for scale in range(255):
        for code in CODES:
            exact = published_value(code, scale)
            got = values[scale, code]
            if abs(exact) > largest:
                assert got == np.sign(float(exact > 0) - 0.5) * np.inf
            else:
                assert np.isfinite(got)
                assert Fraction(float(got)) == exact
            assert np.signbit(got) == (code >= 8)


def test_published_bytes_come_out_of_the_packed_layout_as_the_same_weights() -> None:
    """Code and scale of each weight are where docs/operators.md says; nothing is rounded again."""
    w = random_published(0, (2, 33, 96))

    packed = layout.pack_mxfp4(w)

    values = layout.unpack("mxfp4", 32, packed, 33, 96)
    np.testing.assert_array_equal(values, mxfp4.dequantize(w.codes(), w.scales))
    tile_bytes = layout.bytes_per_tile("mxfp4", 32, 96)
    expert, row, column = 1, 18, 77
    tile = packed[expert].reshape(-1, tile_bytes)[row // 16]
    byte = tile[64 + column // 8 * 64 + row % 16 * 4 + column % 4]
    code = byte >> 4 if column % 8 >= 4 else byte & 15
    assert code == w.codes()[expert, row, column]
    assert tile[column // 32 * 16 + row % 16] == w.scales[expert, row, column // 32]
    assert tile_bytes == 832  # 48 of scales, filled up to 64, and 768 of codes


@settings(max_examples=40)
@given(
    seed=seeds,
    experts=st.integers(1, 3),
    rows=st.integers(1, 40),
    blocks=st.integers(1, 6),
)
def test_unpacking_gives_the_published_bytes_back(
    seed: int, experts: int, rows: int, blocks: int
) -> None:
    """Packing and unpacking change no byte, negative zeros included, alone and as a pair."""
    shape = (experts, rows, 32 * blocks)
    gate, up = random_published(seed, shape), random_published(seed + 1, shape)

    down = layout.unpack_mxfp4(layout.pack_mxfp4(gate), *shape[1:])
    pair = layout.unpack_gate_up_mxfp4(layout.pack_gate_up_mxfp4(gate, up), *shape[1:])

    for got, expected in zip((down, *pair), (gate, gate, up), strict=True):
        np.testing.assert_array_equal(got.nibbles, expected.nibbles)
        np.testing.assert_array_equal(got.scales, expected.scales)


def test_nibbles_hold_the_earlier_weight_low() -> None:
    """As checkpoints publish them."""
    nibbles = np.zeros((1, 16), np.uint8)
    nibbles[0, 1] = 0x72  # weights 2 and 3

    codes = Mxfp4(nibbles=nibbles, scales=np.full((1, 1), 127, np.uint8)).codes()

    assert codes[0, :5].tolist() == [0, 0, 2, 7, 0]


@settings(max_examples=60)
@given(seed=seeds, columns=st.integers(1, 100), exponent=st.integers(-120, 120))
def test_rounding_takes_the_nearest_code_and_the_published_scale(
    seed: int, columns: int, exponent: int
) -> None:
    """Scale 2^(floor(log2 max|w|) - 2); no other code is nearer, ties go to an even mantissa."""
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((2, columns)).astype(np.float32)
    w[:, ::3] = np.rint(w[:, ::3] * 8) / 8  # many ties
    w[1] = np.ldexp(w[1], exponent)

    codes, scales = mxfp4.quantize(w)

    assert scales.shape == (2, -(-columns // 32))
    for row, column in np.ndindex(w.shape):
        block = column // 32
        peak = np.abs(w[row, block * 32 : block * 32 + 32]).max()
        if peak == 0:
            assert scales[row, block] == 127
            continue
        assert scales[row, block] == np.clip(np.frexp(peak)[1] - 1 - 2 + 127, 0, 254)
        exact, scale = Fraction(float(w[row, column])), int(scales[row, block])
        best = min(CODES, key=lambda c: (abs(published_value(c, scale) - exact), c & 1))
        chosen = published_value(int(codes[row, column]), scale)
        assert chosen == published_value(best, scale)


def test_published_values_survive_a_round_trip_through_f32() -> None:
    """Rounding what MXFP4 holds exactly gives the same values again."""
    w = random_published(5, (4, 64))
    w.scales[...] %= 200
    values = mxfp4.dequantize(w.codes(), w.scales)

    again = mxfp4.dequantize(*mxfp4.quantize(values))

    np.testing.assert_array_equal(again, values)


def test_a_scale_of_255_is_refused() -> None:
    """It means NaN: no kernel has to give a meaning to it."""
    scales = np.full((1, 2, 3), 127, np.uint8)
    scales[0, 1, 2] = 255

    with pytest.raises(LayoutError, match=r"at most 254, got 255, which means NaN, at \[0, 1, 2\]"):
        Mxfp4(nibbles=np.zeros((1, 2, 48), np.uint8), scales=scales)


@pytest.mark.parametrize(
    ("nibbles", "scales"),
    [
        (np.zeros((1, 2, 15), np.uint8), np.zeros((1, 2, 1), np.uint8)),
        (np.zeros((1, 2, 16), np.uint8), np.zeros((1, 2, 2), np.uint8)),
        (np.zeros((1, 2, 16), np.uint8), np.zeros((1, 3, 1), np.uint8)),
        (np.zeros((1, 2, 16), np.int8), np.zeros((1, 2, 1), np.uint8)),
        (np.zeros((1, 2, 16), np.uint8), np.zeros((1, 2, 1), np.float32)),
        (np.zeros(16, np.uint8), np.array(1, np.uint8)),
    ],
)
def test_nibbles_and_scales_that_do_not_belong_together_are_refused(
    nibbles: np.ndarray, scales: np.ndarray
) -> None:
    """A row that is no multiple of 32 cannot be published; the message names both shapes."""
    with pytest.raises(LayoutError, match=r"inputs / 2\] and uint8 scales .* got"):
        Mxfp4(nibbles=nibbles, scales=scales)


def test_wrong_requests_are_refused() -> None:
    """Each refusal says what was expected and what was found."""
    w = random_published(1, (1, 16, 64))

    with pytest.raises(LayoutError, match=r"\[experts, outputs, inputs\]"):
        layout.pack_mxfp4(random_published(1, (16, 64)))
    with pytest.raises(LayoutError, match="one shape"):
        layout.pack_gate_up_mxfp4(w, random_published(1, (1, 32, 64)))
    with pytest.raises(LayoutError, match="multiple of 32 inputs, got 63"):
        layout.unpack_mxfp4(layout.pack_mxfp4(w), 16, 63)
    with pytest.raises(LayoutError, match=r"uint8 \[experts, 1152\].*uint8 \[1, 576\]"):
        layout.unpack_mxfp4(layout.pack_mxfp4(w), 17, 64)
    with pytest.raises(LayoutError, match="finite mxfp4 weights"):
        mxfp4.quantize(np.full((1, 32), np.inf, np.float32))
    with pytest.raises(LayoutError, match="scalar"):
        mxfp4.quantize(1.0)
    with pytest.raises(LayoutError, match=r"scales \(1, 2\) for codes \(1, 33\), got \(1, 1\)"):
        mxfp4.dequantize(np.zeros((1, 33), np.uint8), np.zeros((1, 1), np.uint8))
    with pytest.raises(LayoutError, match="NaN"):
        mxfp4.dequantize(np.zeros((1, 32), np.uint8), np.full((1, 1), 255, np.uint8))
