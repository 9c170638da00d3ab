"""The packed form is what MatMulNBits computes with, and its rounding is that of our operators."""

from typing import Literal

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper  # noqa: TID251 - one operator by itself

from inference.ops.layout import dequantize, quantize
from onnx_export.quantize.matmul_nbits import pack_matmul_nbits, unpack_matmul_nbits

SHAPES = [(16, 32), (5, 33), (24, 100), (1, 1), (7, 320)]


def run_operator(
    values: np.ndarray, scales: np.ndarray, x: np.ndarray, rows: int, bits: int
) -> np.ndarray:
    """Multiply with com.microsoft.MatMulNBits, activations in f32."""
    node = helper.make_node(
        "MatMulNBits",
        ["x", "values", "scales"],
        ["y"],
        domain="com.microsoft",
        N=rows,
        K=x.shape[1],
        bits=bits,
        block_size=32,
        accuracy_level=1,
    )
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [x.shape[0], rows])],
        [numpy_helper.from_array(values, "values"), numpy_helper.from_array(scales, "scales")],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("weight_format", "bits"), [("int4", 4), ("int8", 8)])
def test_operator_multiplies_with_the_rounded_weights(
    weight_format: Literal["int4", "int8"], bits: int, shape: tuple[int, int]
) -> None:
    """Also where rows are not whole blocks."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal(shape, dtype=np.float32)
    x = rng.standard_normal((3, shape[1]), dtype=np.float32)
    rounded = dequantize(*quantize(w, weight_format, 32), 32)

    values, scales = pack_matmul_nbits(w, weight_format, 32)

    np.testing.assert_array_equal(
        unpack_matmul_nbits(values, scales, weight_format, shape[1]), rounded
    )
    np.testing.assert_allclose(
        run_operator(values, scales, x, shape[0], bits), x @ rounded.T, rtol=1e-4, atol=1e-4
    )
