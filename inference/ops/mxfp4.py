"""MXFP4 as published (OCP Microscaling Formats v1.0): 4-bit floats, a power of two for each 32.

An element (e2m1) is a sign, two bits of exponent with bias 1, one bit of mantissa: 0, 0.5, 1, 1.5,
2, 3, 4, 6 and their negatives. A scale (e8m0) is a byte s that stands for 2^(s - 127); 255 is NaN.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.errors import LayoutError

# N output rows, K inputs of a row

Bytes: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float32]

BLOCK: Final = 32  # elements that share one scale
BIAS: Final = 127  # scale byte of 2^0
NAN_SCALE: Final = 255
_LARGEST_EXPONENT: Final = 2  # of an element: 4 = 2^2 is the largest power of two
_SIGN: Final = np.uint8(8)
_MAGNITUDES: Final = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], dtype=np.float32)
_VALUES: Final = np.concatenate([_MAGNITUDES, -_MAGNITUDES])  # by code


@dataclass(frozen=True, slots=True, kw_only=True)
class Mxfp4:
    """Weights as checkpoints publish them, checked on the way in.

    Raises:
        LayoutError: shapes or types that do not belong together, or a scale that means NaN.
    """

    nibbles: Bytes  # [..., N, K / 2] two codes a byte, the earlier one in the low nibble
    scales: Bytes  # [..., N, K / 32]

    def __post_init__(self) -> None:
        nibbles, scales = self.nibbles, self.scales
        if (
            nibbles.dtype != np.uint8
            or scales.dtype != np.uint8
            or scales.ndim == 0
            or (*scales.shape[:-1], scales.shape[-1] * BLOCK // 2) != nibbles.shape
        ):
            raise LayoutError(
                "expected mxfp4 weights of uint8 nibbles [..., inputs / 2] and uint8 scales"
                f" [..., inputs / {BLOCK}], got {nibbles.dtype} {list(nibbles.shape)} and"
                f" {scales.dtype} {list(scales.shape)}"
            )
        _check_scales(scales)

    def codes(self) -> Bytes:
        """Return one code a byte, ``[..., N, K]``."""
        return split_nibbles(self.nibbles)

    @classmethod
    def from_codes(cls, codes: Bytes, scales: Bytes) -> "Mxfp4":
        """Join codes ``[..., N, K]`` to nibbles; K is a multiple of 32."""
        return cls(nibbles=codes[..., 0::2] | (codes[..., 1::2] << np.uint8(4)), scales=scales)


def split_nibbles(nibbles: Bytes) -> Bytes:
    """Return one code a byte, ``[..., K]``, of published nibbles ``[..., K / 2]``."""
    pairs = np.stack([nibbles & np.uint8(15), nibbles >> np.uint8(4)], axis=-1)
    return pairs.reshape(*nibbles.shape[:-1], -1)


def quantize(w: npt.ArrayLike) -> tuple[Bytes, Bytes]:
    """Round to MXFP4 as section 6.3 of the specification does.

    The scale is 2^(floor(log2(max|w|)) - 2); elements are rounded to nearest, ties to even, and
    saturate at 6 scales. A block of zeros gets the scale 1.

    Args:
        w: ``[..., K]``, finite; K need not be a multiple of 32.

    Returns:
        Codes ``[..., K]`` in 0 .. 15 and scales ``[..., ceil(K / 32)]``.

    Raises:
        LayoutError: a value is not finite, or there is no axis.
    """
    w = np.asarray(w, dtype=np.float32)
    if w.ndim == 0:
        raise LayoutError("expected weights with at least one axis, got a scalar")
    columns = w.shape[-1]
    blocked = _blocked(w)
    peak = np.abs(blocked).max(axis=-1, initial=0.0)
    if not np.isfinite(peak).all():
        raise LayoutError(
            f"expected finite mxfp4 weights, got max|w| = {peak.max()}; check the checkpoint"
        )
    above = np.frexp(peak)[1]  # peak = m * 2^above, 0.5 <= m < 1
    scales = np.clip(above - 1 - _LARGEST_EXPONENT + BIAS, 0, NAN_SCALE - 1)
    scales = np.where(peak == 0, BIAS, scales).astype(np.uint8)
    size = np.abs(np.ldexp(blocked, (BIAS - scales.astype(np.int32))[..., None]))
    # Neighbours are 0.5 apart up to 2, 1 up to 4, 2 up to 6: three lines, each the lowest of the
    # three where it holds.
    code = np.minimum(np.rint(size * 2), np.rint(size) + 2)
    code = np.minimum(code, np.minimum(np.rint(size / 2) + 4, 7)).astype(np.uint8)
    code |= np.where(np.signbit(blocked), _SIGN, np.uint8(0))
    return code.reshape(*w.shape[:-1], -1)[..., :columns], scales


def dequantize(codes: Bytes, scales: Bytes) -> Floats:
    """Return the values ``[..., K]``; one too large for f32 becomes infinite.

    Raises:
        LayoutError: a scale means NaN, or their number does not fit that of the codes.
    """
    _check_scales(scales)
    values = _blocked(_VALUES[codes])
    if scales.shape != values.shape[:-1]:
        raise LayoutError(
            f"expected mxfp4 scales {values.shape[:-1]} for codes {codes.shape}, got {scales.shape}"
        )
    with np.errstate(over="ignore"):
        values = np.ldexp(values, (scales.astype(np.int32) - BIAS)[..., None])
    return values.reshape(*codes.shape[:-1], -1)[..., : codes.shape[-1]]


def _blocked(values: Floats) -> Floats:
    missing = -values.shape[-1] % BLOCK
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])
    return padded.reshape(*values.shape[:-1], -1, BLOCK)


def _check_scales(scales: Bytes) -> None:
    if (scales == NAN_SCALE).any():
        where = np.argwhere(scales == NAN_SCALE)[0].tolist()
        raise LayoutError(
            f"expected mxfp4 scales of at most {NAN_SCALE - 1}, got {NAN_SCALE}, which means NaN,"
            f" at {where}; check the checkpoint"
        )
