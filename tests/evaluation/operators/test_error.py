"""How far ExpertFFN and QMoE are from double precision on the same quantised weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from evaluation.operators.shapes import SHAPES, OpShape
from evaluation.operators.sides import Side, store
from evaluation.operators.weights import BLOCK, ExpertTensors, QuantisedFormat, draw_weights
from inference.ops import layout, library
from inference.session import BoundGraph
from tests.reference.expert_ffn import Experts, expert_ffn
from tests.reference.expert_router import Router

TOKENS = 96


def rms(values: npt.NDArray[np.float64]) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(values**2)))


@pytest.mark.parametrize("weight_format", ["int4", "int8"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_error_is_no_larger_than_that_of_qmoe(
    shape: OpShape, weight_format: QuantisedFormat, tmp_path: Path
) -> None:
    """RMS over 96 tokens, to a thousandth: both round activations to int8 in blocks of 32."""
    shape = replace(
        shape,
        hidden=quarter(shape.hidden),
        expert_hidden=quarter(shape.expert_hidden),
        experts=4,
        experts_per_token=2,
    )
    rng = np.random.default_rng(0)
    ours, theirs = draw_weights(shape, weight_format, rng)
    x = rng.standard_normal((TOKENS, shape.hidden), dtype=np.float32)
    logits = rng.standard_normal((TOKENS, shape.experts), dtype=np.float32)

    def run(side: Side, tensors: ExpertTensors) -> npt.NDArray[np.float32]:
        graph = store(side, shape, weight_format, tensors, tmp_path).graph
        session = BoundGraph(graph, library=library.library_path(), threads=2)
        y = np.zeros_like(x)
        session.bind({"x": x, "logits": logits}, {"y": y})
        session.run()
        return y

    expected = expert_ffn(
        dequantised(shape, weight_format, ours), x, *Router(k=2, normalize=1).route(logits)
    )
    error = rms(run("mixline", ours) - expected)
    error_qmoe = rms(run("qmoe", theirs) - expected)

    assert 0 < error <= 1.001 * error_qmoe
    assert error <= 0.013 * rms(expected)


def dequantised(shape: OpShape, weight_format: QuantisedFormat, stored: ExpertTensors) -> Experts:
    """Return what the packed weights stand for, the distinct experts repeated."""
    tensors = stored.tensors
    inner, hidden = shape.expert_hidden, shape.hidden
    gate, up = layout.unpack_gate_up(weight_format, BLOCK, tensors["gate_up"], inner, hidden)
    down = layout.unpack(weight_format, BLOCK, tensors["down"], hidden, inner)
    distinct = np.arange(shape.experts) % len(gate)
    bias = tensors["gate_up_bias"].astype(np.float64)[distinct] if shape.biases else None
    return Experts(
        gate=gate.astype(np.float64)[distinct],
        up=up.astype(np.float64)[distinct],
        down=down.astype(np.float64)[distinct],
        gate_bias=None if bias is None else bias[:, :inner],
        up_bias=None if bias is None else bias[:, inner:],
        down_bias=tensors["down_bias"].astype(np.float64)[distinct] if shape.biases else None,
        activation=shape.activation,
    )


def quarter(width: int) -> int:
    """Quicker, and a row's error does not depend on its length.

    A multiple of 32: QMoE leaves its int8 products, and their error, for rows that are none.
    """
    return -(-width // 128) * 32
