"""Blocks of 32 quantised weights as ggml stores them.

A block of Q4_0 is a fp16 scale and 16 bytes, byte i with value i in its low and value i + 16 in its
high nibble, each as q + 8; a block of Q8_0 is a fp16 scale and 32 signed bytes. Both mean
q * scale, as `inference.ops.layout` does, so that int4 and int8 weights keep their values exactly.
"""

from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.ops.layout import Quants, Scales

# N rows of any number of axes, K inputs of a row

BlockFormat: TypeAlias = Literal["q4_0", "q8_0"]
BLOCK: Final = 32  # weights that share a scale


def pack_blocks(q: Quants, scale: Scales, weights: BlockFormat) -> npt.NDArray[np.uint8]:
    """Return the blocks of ``q [..., K]`` as ``[..., K / 32 * bytes of a block]``.

    Args:
        q: in -8 .. 7 for q4_0; K is a multiple of 32.
        scale: ``[..., K / 32]``.
        weights: q4_0 or q8_0.
    """
    blocks = q.reshape(*scale.shape, BLOCK)
    if weights == "q4_0":
        biased = (blocks + 8).view(np.uint8)
        values = biased[..., : BLOCK // 2] | (biased[..., BLOCK // 2 :] << np.uint8(4))
    else:
        values = blocks.view(np.uint8)
    scales = np.ascontiguousarray(scale)[..., None].view(np.uint8)
    return np.concatenate([scales, values], axis=-1).reshape(*q.shape[:-1], -1)
