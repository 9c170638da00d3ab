"""Tiles of 16 output rows: where in them the quantised values and the scales of a matrix are."""

from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

# E experts, K inputs of a row, padded to whole blocks, T tiles of a matrix, G blocks of a row

WeightFormat: TypeAlias = Literal["f32", "int8", "int4", "mxfp4"]
Bytes: TypeAlias = npt.NDArray[np.uint8]

TILE_ROWS: Final = 16
TILE_ALIGN: Final = 64  # bytes
_SCALE_TYPES: Final = {"int8": np.float16, "int4": np.float16, "mxfp4": np.uint8}


def ceil_div(length: int, step: int) -> int:
    """Return how many steps cover a length."""
    return -(-length // step)


def quantised_tile_bytes(weight_format: WeightFormat, block: int, columns: int) -> int:
    """Bytes of one tile of any format but f32, its scales and padding included."""
    _, scales_end = _parts(weight_format, block, columns)
    return ceil_div(scales_end, TILE_ALIGN) * TILE_ALIGN


def join(values: Bytes, scales: npt.NDArray[Any], tile_bytes: int) -> Bytes:
    """Put values ``[T, bytes]`` and scales ``[T * 16, G]`` into tiles ``[T, tile_bytes]``."""
    num_tiles, values_end = values.shape
    by_row = scales.reshape(num_tiles, TILE_ROWS, -1).swapaxes(1, 2)
    scale_bytes = np.ascontiguousarray(by_row).reshape(num_tiles, -1).view(np.uint8)
    tiles = np.zeros((num_tiles, tile_bytes), dtype=np.uint8)
    tiles[:, :values_end] = values
    tiles[:, values_end : values_end + scale_bytes.shape[1]] = scale_bytes
    return tiles


def interleave_bytes(q: npt.NDArray[np.int8]) -> Bytes:
    """Order the values ``[T * 16, K]`` of int8 tiles: ``[T, bytes]``."""
    groups = q.reshape(-1, TILE_ROWS, q.shape[-1] // 4, 4).swapaxes(1, 2)
    return np.ascontiguousarray(groups).reshape(groups.shape[0], -1).view(np.uint8)


def interleave_nibbles(codes: Bytes) -> Bytes:
    """Order the values ``[T * 16, K]``, each in 0 .. 15, of 4-bit tiles: ``[T, bytes]``."""
    groups = codes.reshape(-1, TILE_ROWS, codes.shape[-1] // 8, 2, 4)
    both = groups[..., 0, :] | (groups[..., 1, :] << np.uint8(4))
    return np.ascontiguousarray(both.swapaxes(1, 2)).reshape(groups.shape[0], -1)


def take_apart(
    weight_format: WeightFormat, block: int, tiles: Bytes, columns: int
) -> tuple[Bytes, npt.NDArray[Any]]:
    """Undo `join` and interleaving: values ``[E, rows, K]`` one a byte, scales ``[E, rows, G]``.

    Rows and columns that are padding are still there.
    """
    num_experts, num_tiles, _ = tiles.shape
    blocks = ceil_div(columns, block)
    values_end, scales_end = _parts(weight_format, block, columns)
    scales = np.ascontiguousarray(tiles[..., values_end:scales_end])
    scales = scales.view(_SCALE_TYPES[weight_format])
    scales = scales.reshape(num_experts, num_tiles, blocks, TILE_ROWS).swapaxes(2, 3)
    groups = tiles[..., :values_end].reshape(num_experts, num_tiles, -1, TILE_ROWS, 4)
    if weight_format == "int8":
        values = groups.swapaxes(2, 3)
    else:
        nibbles = np.stack([groups & np.uint8(15), groups >> np.uint8(4)], axis=-2)
        values = nibbles.swapaxes(2, 3)
    rows = num_tiles * TILE_ROWS
    values = np.ascontiguousarray(values).reshape(num_experts, rows, blocks * block)
    return values, scales.reshape(num_experts, rows, blocks)


def _parts(weight_format: WeightFormat, block: int, columns: int) -> tuple[int, int]:
    """Return where a tile's values end, and where its scales do, in bytes."""
    blocks = ceil_div(columns, block)
    values_end = TILE_ROWS * blocks * block // (1 if weight_format == "int8" else 2)
    scale_bytes = np.dtype(_SCALE_TYPES[weight_format]).itemsize
    return values_end, values_end + TILE_ROWS * blocks * scale_bytes
