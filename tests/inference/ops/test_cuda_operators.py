"""The CUDA operators in ONNX Runtime: over a GPU made of plain memory, and over a real one.

The first is the real library but for CUDA itself (tests/native/fake_gpu.cc), on the processor's
provider: everything that ONNX Runtime sees, and either the kernels' arithmetic in plain loops or
the kernels themselves, with a fiber for each of a block's threads (tests/native/emulator).
"""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

from inference.ops.library import library_path
from tests.inference.ops.cuda_device import Device, half_model, halved
from tests.reference.expert_ffn import expert_ffn
from tests.reference.expert_router import Router

Make = Callable[..., Any]
Case = dict[str, Any]
Values = npt.NDArray[Any]

FORMATS = ("int4", "int8", "mxfp4")
CASES: dict[str, Case] = {
    "one_token": {"tokens": 1, "hidden": 256, "expert_hidden": 192, "experts": 16, "k": 4},
    "four_tokens": {"tokens": 4, "hidden": 96, "expert_hidden": 64},
    "five_tokens": {"tokens": 5, "hidden": 96, "expert_hidden": 64},
    "everything_odd": {"tokens": 11, "hidden": 77, "expert_hidden": 45, "experts": 5, "k": 3},
    "one_of_each": {"tokens": 3, "hidden": 1, "expert_hidden": 1, "experts": 1, "k": 1},
    "unused_slots": {"tokens": 40, "hidden": 64, "expert_hidden": 96, "k": 4, "unused": 0.6},
    "many_tokens": {"tokens": 200, "hidden": 160, "expert_hidden": 80, "experts": 6},
    "gelu": {"tokens": 8, "hidden": 128, "expert_hidden": 64, "activation": "gelu"},
    "like_gpt_oss": {
        "tokens": 8,
        "hidden": 160,
        "expert_hidden": 160,
        "experts": 8,
        "k": 4,
        "activation": "swiglu_oai",
        "bias": True,
    },
}
# |y - expected| / |expected|: fp16's rounding of x and y, in kernels also bf16's within a product.
TOLERANCE = {"plain memory": 2e-3, "emulated": 1e-2, "gpu": 1e-2}


def relative_error(y: Values, expected: npt.NDArray[np.float64]) -> float:
    """Of all tokens together."""
    return float(np.linalg.norm(y.astype(np.float64) - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("weight_format", FORMATS)
@pytest.mark.parametrize("name", CASES)
def test_fp16_agrees_with_double_precision(
    name: str, weight_format: str, make_ffn: Make, device: Device
) -> None:
    """Shapes, types and the y of every token."""
    ffn = make_ffn(**CASES[name], weight_format=weight_format)
    feeds = halved(ffn)

    (y,) = device.session(half_model(ffn)).run(None, feeds)

    expected = expert_ffn(ffn.experts, feeds["x"], feeds["ids"], feeds["weights"])
    assert y.dtype == np.float16
    assert relative_error(y, expected) < TOLERANCE[device.name]


def test_bf16_agrees_with_double_precision(make_ffn: Make, device: Device) -> None:
    """Bfloat16 keeps 8 bits: 1e-2."""
    ffn = make_ffn(tokens=3, hidden=128, expert_hidden=64, bias=True)
    model = ffn.node.model()
    model.graph.input[0].type.tensor_type.elem_type = 16
    bits = (ffn.node.feeds["x"].view(np.uint32) >> 16).astype(np.uint16)
    binding = (session := device.session(model)).io_binding()
    binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, 16))
    for other in ("ids", "weights"):
        binding.bind_cpu_input(other, ffn.node.feeds[other])
    out = ort.OrtValue.ortvalue_from_numpy_with_onnx_type(np.zeros_like(bits), 16)
    binding.bind_ortvalue_output("y", out)

    session.run_with_iobinding(binding)

    address = ctypes.cast(out.data_ptr(), ctypes.POINTER(ctypes.c_uint16))
    y = np.ctypeslib.as_array(address, bits.shape).astype(np.uint32) << 16
    x = (bits.astype(np.uint32) << 16).view(np.float32)
    expected = expert_ffn(ffn.experts, x, ffn.node.feeds["ids"], ffn.node.feeds["weights"])
    assert relative_error(y.view(np.float32), expected) < 1e-2


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_routing_agrees_with_double_precision(
    dtype: type, make_router: Make, device: Device
) -> None:
    """Logits in both types, with a bias and less effort than all."""
    rng = np.random.default_rng(1)
    logits = rng.standard_normal((9, 12)).astype(dtype)
    bias = rng.standard_normal(12).astype(np.float32)
    effort = np.array(0.5, np.float32)
    node = make_router(logits, bias, effort, k=4, normalize=1, scoring="sigmoid")

    ids, weights = device.session(node.model()).run(None, node.feeds)

    router = Router(k=4, normalize=1, scoring="sigmoid")
    expected = router.route(logits.astype(np.float64), bias, 0.5)
    np.testing.assert_array_equal(ids, expected[0])
    np.testing.assert_allclose(weights, expected[1], rtol=1e-6)


def test_a_logit_that_is_no_number_is_told_by_the_next_run(
    make_router: Make, device: Device
) -> None:
    """The run itself does not wait for the device; its weights are NaN, and nothing else."""
    logits = np.zeros((2, 4), np.float32)
    logits[1, 2] = np.nan
    session = device.session((node := make_router(logits, k=2)).model())
    _, weights = session.run(None, node.feeds)
    assert np.isfinite(weights).tolist() == [[True, True], [False, True]]

    with pytest.raises(InvalidArgument, match=r"ExpertRouter 'node': expected finite logits"):
        session.run(None, node.feeds)

    session.run(None, {"logits": np.zeros_like(logits)})  # said once
    assert device.faults() == []


def test_faults_can_be_asked_for(make_ffn: Make, device: Device) -> None:
    """After a run, before the next: what a captured graph's owner does."""
    ffn = make_ffn(tokens=2)
    feeds = halved(ffn)
    feeds["ids"] = np.array([[0, 4], [1, -2]], np.int32)
    session = device.session(half_model(ffn))

    (y,) = session.run(None, feeds)

    expected = expert_ffn(ffn.experts, feeds["x"], [[0, -1], [1, -1]], feeds["weights"])
    assert relative_error(y, expected) < TOLERANCE[device.name]
    (fault,) = device.faults()
    assert fault.startswith("ExpertFFN 'node': expected expert ids from -1 to the last expert")
    assert device.faults() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"expert_hidden": 64}, r"gate_up: expected uint8 \[4, .* got uint8"),
        ({"weight_format": "f32"}, r"expected int8, int4 or mxfp4 weights, got f32|gate_up"),
        ({"activation": "relu"}, r"ExpertFFN 'node': activation: expected swiglu"),
    ],
)
def test_what_cannot_run_is_refused(
    change: Case, message: str, make_ffn: Make, device: Device
) -> None:
    """Before anything is launched."""
    ffn = make_ffn()
    model = ffn.node.model(**change)
    model.graph.input[0].type.tensor_type.elem_type = 10

    with pytest.raises(Exception, match=message):
        device.session(model).run(None, halved(ffn))


def test_experts_have_to_be_initializers(make_ffn: Make, device: Device) -> None:
    """They are uploaded once: later changes would not be seen."""
    ffn = make_ffn()
    model = half_model(ffn)
    gate_up = next(i for i in model.graph.initializer if i.name == "gate_up")
    model.graph.initializer.remove(gate_up)
    given = model.graph.input.add(name="gate_up")
    given.type.tensor_type.elem_type = 2
    for size in gate_up.dims:
        given.type.tensor_type.shape.dim.add(dim_value=size)

    with pytest.raises(RuntimeException, match="gate_up: expected an initializer"):
        device.session(model)


def test_a_session_takes_one_library(make_ffn: Make, device: Device) -> None:
    """Both have the domain `mixline`, which ONNX Runtime takes once: the CUDA one comes alone."""
    options = ort.SessionOptions()
    options.register_custom_ops_library(str(library_path()))
    options.register_custom_ops_library(str(device.path))

    with pytest.raises(Fail, match="Domain already set"):
        ort.InferenceSession(half_model(make_ffn()).SerializeToString(), options)
