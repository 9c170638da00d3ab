"""The chains that are timed beside QMoE on a GPU, as far as a processor can tell."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from benchmarks.gpu_qmoe import CHAIN, our_graph, qmoe_graph
from evaluation.gpu.layer import draw_weights, expected, routed
from evaluation.operators.shapes import OpShape

SHAPE = OpShape(name="small", hidden=64, expert_hidden=32, experts=4, experts_per_token=2)


def test_our_chain_is_layer_after_layer(fake_library: Path, tmp_path: Path) -> None:
    """In a session, over plain memory: each layer with logits of its own."""
    rng = np.random.default_rng(0)
    weights = draw_weights(SHAPE, "int4", rng)
    options = ort.SessionOptions()
    options.register_custom_ops_library(str(fake_library))
    graph = our_graph(tmp_path, SHAPE, "int4", weights)
    session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    x = rng.standard_normal((3, SHAPE.hidden)).astype(np.float16)
    logits = rng.standard_normal((CHAIN, 3, SHAPE.experts), np.float32)

    (y,) = session.run(None, {"x": x, **{f"logits_{i}": row for i, row in enumerate(logits)}})

    right = x.astype(float)
    for row in logits:
        right = expected(SHAPE, weights, right, *routed(SHAPE, row))
    assert np.linalg.norm(y - right) / np.linalg.norm(right) < 1e-2


@pytest.mark.parametrize("bits", [4, 8])
def test_qmoe_gets_weights_of_the_same_size(bits: int, tmp_path: Path) -> None:
    """The graph is whole: as many weights as the shape has, fp16 scales, fp16 in and out."""
    graph = onnx.load(qmoe_graph(tmp_path, SHAPE, bits), load_external_data=False).graph

    sizes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    assert sizes["fc1_weights"] == (4, 2 * 32, 64 * bits // 8)
    assert sizes["fc2_weights"] == (4, 64, 32 * bits // 8)
    assert [node.op_type for node in graph.node] == ["QMoE"] * CHAIN
    assert graph.output[0].name == f"y_{CHAIN - 1}"
