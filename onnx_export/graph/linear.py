"""A matrix product with a stored matrix: Gemm in f32, MatMulNBits when quantised."""

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.manifest import DenseFormat
from onnx_export.graph.context import GraphContext
from onnx_export.quantize.matmul_nbits import pack_matmul_nbits

# n tokens, N outputs, K inputs

# int8 activations: the operator's other levels compute in f32, several times slower on a CPU.
ACCURACY_LEVEL: Final = 4
Floats: TypeAlias = npt.NDArray[np.float32]
BITS: Final = {"int4": 4, "int8": 8}


def linear(
    context: GraphContext,
    name: str,
    x: str,
    w: Floats,
    weight_format: DenseFormat,
    bias: Floats | None = None,
) -> str:
    """Return ``x [n, K]`` times ``w [N, K]`` transposed, plus ``bias [N]``."""
    columns = w.shape[1]
    values = store_matrix(context, name, w, weight_format)
    y = matmul(context, name, x, values, w.shape[0], columns, weight_format)
    if bias is None:
        return y
    added = context.builder.array(f"{name}.bias", bias)
    return context.builder.node("Add", f"{name}_biased", [y, added])


def scaled(context: GraphContext, name: str, x: str, factor: float) -> str:
    """Return ``x`` times ``factor``, or ``x`` itself where that is 1."""
    if factor == 1:
        return x
    return context.builder.node("Mul", name, [x, context.builder.constant(f"{name}.by", factor)])


def store_matrix(
    context: GraphContext, name: str, w: npt.NDArray[np.float32], weight_format: DenseFormat
) -> tuple[str, ...]:
    """Store ``w [N, K]``: its values, and if it is quantised its scales."""
    builder = context.builder
    if weight_format == "f32":
        return (builder.array(f"{name}.weight", w),)
    values, scales = pack_matmul_nbits(w, weight_format, context.plan.block)
    return (builder.array(f"{name}.values", values), builder.array(f"{name}.scales", scales))


def store_table(
    context: GraphContext, name: str, source: str, weight_format: DenseFormat
) -> tuple[str, ...]:
    """Store the embedding or the head ``source [vocab, hidden]``, some rows in memory at a time."""
    spec, block, builder = context.spec, context.plan.block, context.builder
    dims = (spec.vocab, spec.hidden)
    f32 = np.dtype(np.float32)
    if weight_format == "f32":
        parts = context.checkpoint.rows(source, dims)
        return (builder.weight(f"{name}.weight", f32, dims, parts, mapped=True),)
    blocks = -(-spec.hidden // block)
    scales: list[npt.NDArray[np.float32]] = []

    def values() -> Iterator[npt.NDArray[np.uint8]]:
        for rows in context.checkpoint.rows(source, dims):
            packed, row_scales = pack_matmul_nbits(rows, weight_format, block)
            scales.append(row_scales)
            yield packed

    value_dims = (spec.vocab, blocks, block * BITS[weight_format] // 8)

    def row_scales() -> Iterator[npt.NDArray[np.float32]]:
        if not scales:  # an earlier run had written the values
            for _ in values():
                pass
        yield from scales

    stored = builder.weight(f"{name}.values", np.dtype(np.uint8), value_dims, values(), mapped=True)
    return stored, builder.weight(f"{name}.scales", f32, (spec.vocab, blocks), row_scales())


def matmul(
    context: GraphContext,
    name: str,
    x: str,
    stored: tuple[str, ...],
    rows: int,
    columns: int,
    weight_format: DenseFormat,
    output: str | None = None,
) -> str:
    """Return ``x [n, columns]`` times a stored matrix ``[rows, columns]`` transposed."""
    outputs = (output or name,)
    if weight_format == "f32":
        return context.builder.node("Gemm", name, [x, *stored], outputs, transB=1)
    return context.builder.node(
        "MatMulNBits",
        name,
        [x, *stored],
        outputs,
        domain="com.microsoft",
        N=rows,
        K=columns,
        bits=BITS[weight_format],
        block_size=context.plan.block,
        accuracy_level=ACCURACY_LEVEL,
    )
