"""Layers of random experts, launched without ONNX Runtime, against the specification."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from evaluation.gpu.launch import Operators, PlainMemory
from evaluation.gpu.layer import Layer, draw_weights, expected, relative_error, routed
from evaluation.operators.shapes import OpShape
from inference.errors import OperatorLibraryError
from inference.ops.tiles import WeightFormat
from tests.reference.expert_ffn import Experts, expert_ffn
from tests.reference.expert_router import Router

SHAPE = OpShape(
    name="small",
    hidden=70,
    expert_hidden=45,
    experts=6,
    experts_per_token=3,
    biases=True,
    activation="swiglu_oai",
)
PLAIN = OpShape(name="plain", hidden=64, expert_hidden=32, experts=4, experts_per_token=2)


@pytest.mark.parametrize("shape", [SHAPE, PLAIN], ids=["gpt_oss", "plain"])
def test_what_is_expected_is_the_specification(shape: OpShape) -> None:
    """Routing and experts in double precision, written twice."""
    rng = np.random.default_rng(3)
    weights = draw_weights(shape, "int4", rng)
    x = rng.standard_normal((5, shape.hidden)).astype(np.float16)
    logits = rng.standard_normal((5, shape.experts), np.float32)
    ids, shares = routed(shape, logits)
    repeat = np.arange(shape.experts) % 2
    bias = weights.packed.get("gate_up_bias")
    down_bias = weights.packed.get("down_bias")
    experts = Experts(
        gate=weights.gate[repeat],
        up=weights.up[repeat],
        down=weights.down[repeat],
        gate_bias=None if bias is None else bias[repeat, : shape.expert_hidden],
        up_bias=None if bias is None else bias[repeat, shape.expert_hidden :],
        down_bias=None if down_bias is None else down_bias[repeat],
        activation=shape.activation,
    )

    exact_ids, exact_shares = Router(k=shape.experts_per_token, normalize=1).route(logits)
    np.testing.assert_array_equal(ids, exact_ids)
    np.testing.assert_allclose(shares, exact_shares)
    y = expected(shape, weights, x, ids, shares)
    np.testing.assert_allclose(y, expert_ffn(experts, x, ids, shares), atol=1e-12)


@pytest.mark.parametrize("weight_format", ["int4", "int8", "mxfp4"])
@pytest.mark.parametrize("tokens", [1, 5, 70])
def test_launches_compute_it(tokens: int, weight_format: WeightFormat, fake_library: Path) -> None:
    """Within fp16's rounding."""
    rng = np.random.default_rng(tokens)
    weights = draw_weights(SHAPE, weight_format, rng)
    memory = PlainMemory()
    layer = Layer(Operators(fake_library), memory, SHAPE, weight_format, weights)
    x = rng.standard_normal((tokens, SHAPE.hidden)).astype(np.float16)
    logits = rng.standard_normal((tokens, SHAPE.experts), np.float32)

    assert relative_error(layer, memory, SHAPE, weights, logits, x) < 1e-3


def test_other_weights_are_seen(fake_library: Path) -> None:
    """The check can fail: one expert's bias is another one here."""
    rng = np.random.default_rng(0)
    weights = draw_weights(SHAPE, "int4", rng)
    memory = PlainMemory()
    layer = Layer(Operators(fake_library), memory, SHAPE, "int4", weights)
    weights.packed["down_bias"][1] += 1
    x = rng.standard_normal((4, SHAPE.hidden)).astype(np.float16)
    logits = rng.standard_normal((4, SHAPE.experts), np.float32)

    assert relative_error(layer, memory, SHAPE, weights, logits, x) > 0.1


def test_a_logit_that_is_no_number_is_an_infinite_error(fake_library: Path) -> None:
    """The kernel's word is looked at."""
    weights = draw_weights(PLAIN, "int4", np.random.default_rng(0))
    memory = PlainMemory()
    layer = Layer(Operators(fake_library), memory, PLAIN, "int4", weights)
    x = np.ones((1, PLAIN.hidden), np.float16)

    error = relative_error(layer, memory, PLAIN, weights, np.full((1, 4), np.nan, np.float32), x)

    assert error == float("inf")


def test_sizes_beyond_the_kernels_are_refused(fake_library: Path) -> None:
    """Before a launch."""
    shape = OpShape(name="wide", hidden=12_192, expert_hidden=16, experts=1, experts_per_token=1)
    weights = draw_weights(shape, "int4", np.random.default_rng(0))
    memory = PlainMemory()
    layer = Layer(Operators(fake_library), memory, shape, "int4", weights)
    any_ = memory.put(np.zeros(1))

    with pytest.raises(OperatorLibraryError, match="a hidden size of at most 12160"):
        layer.prepare(any_, any_, any_, any_, 1)


@pytest.mark.skipif(shutil.which("g++") is None, reason="another library needs g++")
def test_a_library_with_other_structs_is_refused(tmp_path: Path) -> None:
    """Its launches would be read wrongly."""
    source = tmp_path / "other.cc"
    source.write_text(
        'extern "C" long mixline_cuda_expert_launch_bytes() { return 8; }\n'
        'extern "C" long mixline_cuda_router_launch_bytes() { return 8; }\n'
    )
    library = tmp_path / "other.so"
    subprocess.run(["g++", "-shared", "-fPIC", source, "-o", library], check=True)

    with pytest.raises(OperatorLibraryError, match="ExpertLaunch of 176 bytes, found 8"):
        Operators(library)
    with pytest.raises(OperatorLibraryError, match=r"got: .*rebuild it"):
        Operators(tmp_path / "none.so")
