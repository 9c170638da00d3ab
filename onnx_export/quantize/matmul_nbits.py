"""The weight form of com.microsoft.MatMulNBits, with the rounding of our own operators."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from inference.ops.layout import dequantize, quantize

# N outputs, K inputs, G blocks of a row


def pack_matmul_nbits(
    w: npt.NDArray[np.float32], weight_format: Literal["int8", "int4"], block: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Quantise ``w [N, K]``; K is padded with zeros to whole blocks.

    Returns:
        Values uint8 ``[N, G, block * bits / 8]``, biased by the operator's default zero point (8 or
        128), the earlier of two 4-bit values in the low nibble; scales f32 ``[N, G]``, each a
        fp16 number.
    """
    rows, columns = w.shape
    q, scale = quantize(w, weight_format, block)
    q = np.pad(q, ((0, 0), (0, -columns % block)))
    if weight_format == "int8":
        biased = (q.astype(np.int16) + 128).astype(np.uint8)
        return biased.reshape(rows, -1, block), scale.astype(np.float32)
    biased = (q + 8).astype(np.uint8)
    packed = biased[:, 0::2] | (biased[:, 1::2] << np.uint8(4))
    return packed.reshape(rows, -1, block // 2), scale.astype(np.float32)


def unpack_matmul_nbits(
    values: npt.NDArray[np.uint8],
    scales: npt.NDArray[np.float32],
    weight_format: Literal["int8", "int4"],
    columns: int,
) -> npt.NDArray[np.float32]:
    """Return the dequantised weights ``[N, columns]`` of what `pack_matmul_nbits` made."""
    rows, blocks, _ = values.shape
    flat = values.reshape(rows, -1)
    if weight_format == "int8":
        q = (flat.astype(np.int16) - 128).astype(np.int8)
    else:
        nibbles = np.stack([flat & np.uint8(15), flat >> np.uint8(4)], axis=-1)
        q = nibbles.reshape(rows, -1).astype(np.int8) - np.int8(8)
    block = q.shape[1] // blocks
    return dequantize(q, scales.astype(np.float16), block)[:, :columns]
