"""Packed expert weights: the byte layout that the exporter writes and the kernels read in place.

One matrix ``W [N, K]`` (outputs, inputs) of one expert is cut into tiles of 16 output rows. A tile
is a row of chunks, so that it is read as one stream: 64 bytes of scales ``[K blocks, 16 rows]``,
then the values of these blocks. Rows are padded with zeros to whole tiles, K to whole blocks (f32:
K stays as it is).

* ``int4``: 64 bytes hold 16 rows x 8 inputs; byte ``row * 4 + j`` has input ``k + j`` in its low
  nibble and input ``k + 4 + j`` in its high nibble, each as ``q + 8``; fp16 scales.
* ``mxfp4``: as int4, with the codes and the scale bytes that checkpoints publish.
* ``int8``: 64 bytes hold 16 rows x 4 inputs; byte ``row * 4 + j`` is input ``k + j``; fp16 scales.
* ``f32``: 64 bytes hold 16 rows x 1 input; there are no scales.

A gate/up pair alternates its tiles: gate 0, up 0, gate 1, up 1, ... See docs/operators.md.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from inference.errors import LayoutError
from inference.ops import mxfp4
from inference.ops.mxfp4 import Mxfp4
from inference.ops.tiles import (
    TILE_ROWS,
    Bytes,
    WeightFormat,
    ceil_div,
    interleave_bytes,
    interleave_nibbles,
    join,
    quantised_tile_bytes,
    take_apart,
)

# E experts, N output rows, K inputs of a row, T tiles of a matrix, G blocks of a row

Floats: TypeAlias = npt.NDArray[np.float32]
Quants: TypeAlias = npt.NDArray[np.int8]
Scales: TypeAlias = npt.NDArray[np.float16]
T = TypeVar("T", bound=np.generic)

WEIGHT_FORMATS: Final[tuple[WeightFormat, ...]] = ("f32", "int8", "int4", "mxfp4")
LAYOUT: Final = 2  # manifest, graph and library name it; 1 had scales behind a tile's values
UNNAMED_LAYOUT: Final = 2  # of an ExpertFFN that names none, as the first graphs did
BLOCKS: Final = (32, 128)  # weights that share one scale, along the input; mxfp4: 32
_LIMITS: Final = {"int8": (-127, 127), "int4": (-8, 7)}


def quantize(w: npt.ArrayLike, weight_format: WeightFormat, block: int) -> tuple[Quants, Scales]:
    """Quantise symmetrically, one fp16 scale per ``block`` values of the last axis.

    ``scale = fp16(max|w| / L)`` with L = 7 (int4) or 127 (int8), ``q = rint(w / scale)`` clipped to
    the format's range; a block whose scale rounds to zero becomes zeros.

    Args:
        w: ``[..., K]``, finite; K need not be a multiple of the block.
        weight_format: int8 or int4.
        block: 32 or 128.

    Returns:
        q ``[..., K]`` int8 and scale ``[..., ceil(K / block)]`` fp16.

    Raises:
        LayoutError: format or block unknown, or a value not finite or too large for a fp16 scale.
    """
    low, high = _quantised_limits(weight_format)
    _check_block(weight_format, block)
    w = np.asarray(w, dtype=np.float32)
    if w.ndim == 0:
        raise LayoutError("expected weights with at least one axis, got a scalar")
    columns = w.shape[-1]
    blocked = _pad_last(w, block).reshape(*w.shape[:-1], -1, block)
    peak = np.abs(blocked).max(axis=-1, initial=0.0)
    if not (peak <= np.float32(65504.0 * high)).all():  # also catches NaN
        raise LayoutError(
            f"expected finite {weight_format} weights of at most {65504 * high}, got"
            f" max|w| = {peak.max()}; check the checkpoint"
        )
    scale = (peak / np.float32(high)).astype(np.float16)
    divisor = np.where(scale == 0, np.float16(np.inf), scale).astype(np.float32)
    q = np.clip(np.rint(blocked / divisor[..., None]), low, high).astype(np.int8)
    return q.reshape(*w.shape[:-1], -1)[..., :columns], scale


def dequantize(q: Quants, scale: Scales, block: int) -> Floats:
    """Return ``q * scale`` as f32 ``[..., K]``; inverse of `quantize` up to rounding.

    Raises:
        LayoutError: the number of scales does not fit the number of values.
    """
    columns = q.shape[-1]
    if scale.shape != (*q.shape[:-1], ceil_div(columns, block)):
        raise LayoutError(
            f"expected scales {(*q.shape[:-1], ceil_div(columns, block))} for values {q.shape} and"
            f" block {block}, got {scale.shape}"
        )
    blocked = _pad_last(q, block).reshape(*scale.shape, block)
    values = blocked.astype(np.float32) * scale.astype(np.float32)[..., None]
    return values.reshape(*q.shape[:-1], -1)[..., :columns]


def bytes_per_tile(weight_format: WeightFormat, block: int, columns: int) -> int:
    """Bytes of one tile of 16 rows and ``columns`` inputs, its scales and padding included."""
    _check_block(weight_format, block)
    if weight_format == "f32":
        return TILE_ROWS * 4 * columns
    return quantised_tile_bytes(weight_format, block, columns)


def bytes_per_expert(weight_format: WeightFormat, block: int, rows: int, columns: int) -> int:
    """Bytes of one packed ``[rows, columns]`` matrix; a gate/up pair takes twice as many."""
    return ceil_div(rows, TILE_ROWS) * bytes_per_tile(weight_format, block, columns)


def pack(weight_format: WeightFormat, block: int, w: npt.ArrayLike) -> Bytes:
    """Quantise and pack ``w [E, N, K]`` into uint8 ``[E, bytes_per_expert]``, the input `down`.

    Works expert by expert; to stream a large model, call it with one expert at a time.

    Raises:
        LayoutError: wrong rank, format or block, or values that cannot be quantised.
    """
    tiles = [_tiles(weight_format, block, expert) for expert in _experts(w, np.float32)]
    return np.stack([t.reshape(-1) for t in tiles])


def pack_gate_up(
    weight_format: WeightFormat, block: int, gate: npt.ArrayLike, up: npt.ArrayLike
) -> Bytes:
    """Quantise and pack ``gate, up [E, I, H]``, the input `gate_up`: twice `bytes_per_expert`.

    Raises:
        LayoutError: as `pack`, or shapes that differ.
    """
    gates, ups = _experts(gate, np.float32), _experts(up, np.float32)
    _check_same_shape(gates, ups)
    packed = [
        np.stack([_tiles(weight_format, block, g), _tiles(weight_format, block, u)], axis=1)
        for g, u in zip(gates, ups, strict=True)
    ]
    return np.stack([p.reshape(-1) for p in packed])


def pack_mxfp4(w: Mxfp4) -> Bytes:
    """Pack published weights ``[E, N, K]``, no value touched, as `pack` does.

    Raises:
        LayoutError: wrong rank.
    """
    return np.stack([t.reshape(-1) for t in _published_tiles(w)])


def pack_gate_up_mxfp4(gate: Mxfp4, up: Mxfp4) -> Bytes:
    """Pack published weights ``[E, I, H]``, no value touched, as `pack_gate_up` does.

    Raises:
        LayoutError: wrong rank, or shapes that differ.
    """
    _check_same_shape(gate.nibbles, up.nibbles)
    pairs = zip(_published_tiles(gate), _published_tiles(up), strict=True)
    return np.stack([np.stack(pair, axis=1).reshape(-1) for pair in pairs])


def unpack(
    weight_format: WeightFormat, block: int, packed: Bytes, rows: int, columns: int
) -> Floats:
    """Return the dequantised weights ``[E, rows, columns]`` of what `pack` made.

    Raises:
        LayoutError: the byte count does not fit rows and columns.
    """
    num_tiles = ceil_div(rows, TILE_ROWS)
    tiles = _split(weight_format, block, packed, num_tiles, columns)
    return _weights(weight_format, block, tiles, rows, columns)


def unpack_gate_up(
    weight_format: WeightFormat, block: int, packed: Bytes, rows: int, columns: int
) -> tuple[Floats, Floats]:
    """Return the dequantised gate and up ``[E, rows, columns]`` of what `pack_gate_up` made.

    Raises:
        LayoutError: the byte count does not fit rows and columns.
    """
    num_tiles = 2 * ceil_div(rows, TILE_ROWS)
    tiles = _split(weight_format, block, packed, num_tiles, columns)
    gate, up = (
        _weights(weight_format, block, tiles[:, start::2], rows, columns) for start in (0, 1)
    )
    return gate, up


def unpack_mxfp4(packed: Bytes, rows: int, columns: int) -> Mxfp4:
    """Return the published weights ``[E, rows, columns]`` of what `pack_mxfp4` made.

    Raises:
        LayoutError: the byte count does not fit, or columns is no multiple of 32.
    """
    tiles = _split("mxfp4", mxfp4.BLOCK, packed, ceil_div(rows, TILE_ROWS), columns)
    return _published(tiles, rows, columns)


def unpack_gate_up_mxfp4(packed: Bytes, rows: int, columns: int) -> tuple[Mxfp4, Mxfp4]:
    """Return the published gate and up ``[E, rows, columns]`` of what `pack_gate_up_mxfp4` made.

    Raises:
        LayoutError: as `unpack_mxfp4`.
    """
    tiles = _split("mxfp4", mxfp4.BLOCK, packed, 2 * ceil_div(rows, TILE_ROWS), columns)
    return _published(tiles[:, 0::2], rows, columns), _published(tiles[:, 1::2], rows, columns)


def _tiles(weight_format: WeightFormat, block: int, w: Floats) -> Bytes:
    """Pack one matrix ``[N, K]`` into ``[T, bytes_per_tile]``."""
    _check_block(weight_format, block)
    num_tiles, columns = ceil_div(w.shape[0], TILE_ROWS), w.shape[1]
    w = np.pad(w, ((0, num_tiles * TILE_ROWS - w.shape[0]), (0, 0)))
    if weight_format == "f32":
        tile_bytes = bytes_per_tile(weight_format, block, columns)
        by_input = w.reshape(num_tiles, TILE_ROWS, columns).swapaxes(1, 2)
        return np.ascontiguousarray(by_input).view(np.uint8).reshape(num_tiles, tile_bytes)
    if weight_format == "mxfp4":
        codes, scales = mxfp4.quantize(w)
        return join(weight_format, block, interleave_nibbles(_pad_last(codes, block)), scales)
    q, scale = quantize(w, weight_format, block)
    q = _pad_last(q, block)
    if weight_format == "int4":
        values = interleave_nibbles((q + np.int8(8)).astype(np.uint8))
    else:
        values = interleave_bytes(q)
    return join(weight_format, block, values, scale)


def _published_tiles(w: Mxfp4) -> Iterator[Bytes]:
    """Pack each matrix of published weights into ``[T, bytes_per_tile]``."""
    for nibbles, scales in zip(_experts(w.nibbles, np.uint8), w.scales, strict=True):
        codes = mxfp4.split_nibbles(nibbles)
        rows = [(0, -codes.shape[0] % TILE_ROWS), (0, 0)]
        yield join(
            "mxfp4",
            mxfp4.BLOCK,
            interleave_nibbles(np.pad(codes, rows)),
            np.pad(scales, rows, constant_values=mxfp4.BIAS),
        )


def _weights(
    weight_format: WeightFormat, block: int, tiles: Bytes, rows: int, columns: int
) -> Floats:
    """Dequantise tiles ``[E, T, bytes_per_tile]`` to ``[E, rows, columns]``."""
    if weight_format == "f32":
        num_experts, num_tiles, _ = tiles.shape
        by_input = np.ascontiguousarray(tiles).view(np.float32)
        by_row = by_input.reshape(num_experts, num_tiles, columns, TILE_ROWS).swapaxes(2, 3)
        return by_row.reshape(num_experts, -1, columns)[:, :rows].copy()
    values, scales = take_apart(weight_format, block, tiles, columns)
    if weight_format == "mxfp4":
        return mxfp4.dequantize(values, scales)[:, :rows, :columns].copy()
    q = values.astype(np.int8) - np.int8(8) if weight_format == "int4" else values.view(np.int8)
    return dequantize(q, scales, block)[:, :rows, :columns].copy()


def _published(tiles: Bytes, rows: int, columns: int) -> Mxfp4:
    if columns % mxfp4.BLOCK:
        raise LayoutError(
            f"expected published mxfp4 rows of a multiple of {mxfp4.BLOCK} inputs, got {columns}"
        )
    codes, scales = take_apart("mxfp4", mxfp4.BLOCK, tiles, columns)
    return Mxfp4.from_codes(codes[:, :rows], scales[:, :rows])


def _split(
    weight_format: WeightFormat, block: int, packed: Bytes, num_tiles: int, columns: int
) -> Bytes:
    """View packed experts ``[E, bytes]`` as ``[E, tiles, bytes_per_tile]``."""
    tile_bytes = bytes_per_tile(weight_format, block, columns)
    if packed.dtype != np.uint8 or packed.shape[1:] != (num_tiles * tile_bytes,):
        raise LayoutError(
            f"expected packed {weight_format} weights uint8 [experts, {num_tiles * tile_bytes}]"
            f" for {columns} inputs and block {block}, got {packed.dtype} {list(packed.shape)}"
        )
    return packed.reshape(packed.shape[0], num_tiles, tile_bytes)


def _experts(w: npt.ArrayLike, dtype: type[T]) -> npt.NDArray[T]:
    stacked = np.asarray(w, dtype=dtype)
    match stacked.shape:
        case (experts, rows, columns) if experts and rows and columns:
            return stacked
    raise LayoutError(
        f"expected weights [experts, outputs, inputs], none of them 0, got {stacked.shape}"
    )


def _check_same_shape(gate: npt.NDArray[Any], up: npt.NDArray[Any]) -> None:
    if gate.shape != up.shape:
        raise LayoutError(f"expected gate and up of one shape, got {gate.shape} and {up.shape}")


def _quantised_limits(weight_format: WeightFormat) -> tuple[int, int]:
    if weight_format not in _LIMITS:
        raise LayoutError(f"expected weight format int8 or int4, got {weight_format!r}")
    return _LIMITS[weight_format]


def _check_block(weight_format: WeightFormat, block: int) -> None:
    if weight_format not in WEIGHT_FORMATS:
        raise LayoutError(f"expected weight format f32, int8, int4 or mxfp4, got {weight_format!r}")
    if weight_format == "mxfp4" and block != mxfp4.BLOCK:
        raise LayoutError(f"expected block {mxfp4.BLOCK} for mxfp4, got {block}")
    if weight_format != "f32" and block not in BLOCKS:
        raise LayoutError(f"expected block 32 or 128 for {weight_format}, got {block}")


def _pad_last(values: npt.NDArray[T], block: int) -> npt.NDArray[T]:
    missing = -values.shape[-1] % block
    if missing == 0:
        return values
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])
