"""Matrices as GGUF stores them: f32, f16, or blocks of 32 with the exporter's own rounding.

So int4 and int8 weights of a model directory keep their values exactly.
"""

from typing import Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType

from inference.ops.layout import quantize
from training.ggml_blocks import BLOCK, pack_blocks

# N rows of any number of axes, K inputs of a row

GgufWeights: TypeAlias = Literal["f32", "f16", "q8_0", "q4_0"]
GGUF_WEIGHTS: Final[tuple[GgufWeights, ...]] = get_args(GgufWeights)
Stored: TypeAlias = tuple[npt.NDArray[np.generic], GGMLQuantizationType]
_KINDS: Final = {"q4_0": GGMLQuantizationType.Q4_0, "q8_0": GGMLQuantizationType.Q8_0}


def store_matrix(w: npt.NDArray[np.float32], weights: GgufWeights) -> Stored:
    """Return the array to write for ``w [..., K]``, and its type in the file.

    Blocks are bytes ``[..., K / 32 * bytes of a block]``. Where K is no multiple of 32 there can be
    no blocks: such a matrix is stored as f16.

    Raises:
        LayoutError: a value is not finite or too large for a fp16 scale.
    """
    if weights == "f32":
        return w, GGMLQuantizationType.F32
    if weights == "f16" or w.shape[-1] % BLOCK:
        return w.astype(np.float16), GGMLQuantizationType.F16
    q, scale = quantize(w, "int4" if weights == "q4_0" else "int8", BLOCK)
    return pack_blocks(q, scale, weights), _KINDS[weights]
