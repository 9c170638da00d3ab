"""Tiles of 16 output rows: where in them the quantised values and the scales of a matrix are."""

from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

# E experts, K inputs of a row, padded to whole blocks, T tiles of a matrix, G blocks of a row

WeightFormat: TypeAlias = Literal["f32", "int8", "int4", "mxfp4"]
Bytes: TypeAlias = npt.NDArray[np.uint8]

TILE_ROWS: Final = 16
TILE_ALIGN: Final = 64  # bytes
CHUNK_SCALE_BYTES: Final = 64
_SCALE_TYPES: Final = {"int8": np.float16, "int4": np.float16, "mxfp4": np.uint8}


def ceil_div(length: int, step: int) -> int:
    """Return how many steps cover a length."""
    return -(-length // step)


def quantised_tile_bytes(weight_format: WeightFormat, block: int, columns: int) -> int:
    """Bytes of one tile of any format but f32, its scales and padding included."""
    blocks = ceil_div(columns, block)
    chunks = ceil_div(blocks, _scales_per_chunk(weight_format))
    return blocks * _block_bytes(weight_format, block) + chunks * CHUNK_SCALE_BYTES


def join(weight_format: WeightFormat, block: int, values: Bytes, scales: npt.NDArray[Any]) -> Bytes:
    """Put values ``[T, bytes]`` and scales ``[T * 16, G]`` into tiles ``[T, tile bytes]``.

    A tile is a row of chunks: 64 bytes of scales, then the values that they belong to. In the last
    chunk both may be fewer; its missing scales are zeros, its missing values are left out.
    """
    num_tiles, blocks = values.shape[0], scales.shape[1]
    per_chunk = _scales_per_chunk(weight_format)
    chunks = ceil_div(blocks, per_chunk)
    by_block = np.zeros((num_tiles, chunks * per_chunk, TILE_ROWS), scales.dtype)
    by_block[:, :blocks] = scales.reshape(num_tiles, TILE_ROWS, blocks).swapaxes(1, 2)
    whole = np.zeros((num_tiles, chunks * per_chunk * _block_bytes(weight_format, block)), np.uint8)
    whole[:, : values.shape[1]] = values
    tiles = np.concatenate(
        [
            by_block.reshape(num_tiles, chunks, -1).view(np.uint8),
            whole.reshape(num_tiles, chunks, -1),
        ],
        axis=2,
    ).reshape(num_tiles, -1)
    return tiles[:, : quantised_tile_bytes(weight_format, block, blocks * block)]


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
    num_experts, num_tiles, tile_bytes = tiles.shape
    blocks = ceil_div(columns, block)
    per_chunk, block_bytes = _scales_per_chunk(weight_format), _block_bytes(weight_format, block)
    num_chunks = ceil_div(blocks, per_chunk)
    chunk_bytes = CHUNK_SCALE_BYTES + per_chunk * block_bytes
    whole = np.zeros((num_experts, num_tiles, num_chunks * chunk_bytes), np.uint8)
    whole[..., :tile_bytes] = tiles
    chunks = whole.reshape(num_experts, num_tiles, num_chunks, chunk_bytes)
    scales = np.ascontiguousarray(chunks[..., :CHUNK_SCALE_BYTES]).view(_SCALE_TYPES[weight_format])
    scales = scales.reshape(num_experts, num_tiles, -1, TILE_ROWS)[:, :, :blocks].swapaxes(2, 3)
    stored = chunks[..., CHUNK_SCALE_BYTES:].reshape(num_experts, num_tiles, -1)
    groups = stored[..., : blocks * block_bytes]
    groups = groups.reshape(num_experts, num_tiles, -1, TILE_ROWS, 4)
    if weight_format == "int8":
        values = groups.swapaxes(2, 3)
    else:
        nibbles = np.stack([groups & np.uint8(15), groups >> np.uint8(4)], axis=-2)
        values = nibbles.swapaxes(2, 3)
    rows = num_tiles * TILE_ROWS
    values = np.ascontiguousarray(values).reshape(num_experts, rows, blocks * block)
    return values, scales.reshape(num_experts, rows, blocks)


def _scales_per_chunk(weight_format: WeightFormat) -> int:
    """Return how many scales of each row fill the 64 bytes before a chunk's values."""
    return CHUNK_SCALE_BYTES // (TILE_ROWS * np.dtype(_SCALE_TYPES[weight_format]).itemsize)


def _block_bytes(weight_format: WeightFormat, block: int) -> int:
    """Bytes of the values of 16 rows that share their scales."""
    return TILE_ROWS * block // (1 if weight_format == "int8" else 2)
