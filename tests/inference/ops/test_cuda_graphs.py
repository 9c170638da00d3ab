"""What only a GPU can tell: captured graphs, the memory really taken, faults behind a replay."""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest

from tests.gpu import usable_library
from tests.inference.ops.cuda_device import Device, half_model, halved
from tests.reference.expert_ffn import expert_ffn

pytestmark = pytest.mark.gpu

Make = Callable[..., Any]
TOLERANCE = 1e-2


class Captured:
    """A session that captures its second run and replays it from the third on."""

    def __init__(self, device: Device, model: Any, feeds: dict[str, npt.NDArray[Any]]) -> None:
        """Bind inputs and y to memory on the GPU, whose addresses a graph keeps."""
        options = ort.SessionOptions()
        options.register_custom_ops_library(str(device.path))
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        providers = [(device.provider, {"enable_cuda_graph": "1"})]
        self._session = ort.InferenceSession(model.SerializeToString(), options, providers)
        self._binding = self._session.io_binding()
        on_gpu = ort.OrtValue.ortvalue_from_numpy
        self.inputs = {name: on_gpu(value, "cuda", 0) for name, value in feeds.items()}
        for name, value in self.inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        self._y = on_gpu(np.zeros_like(feeds["x"]), "cuda", 0)
        self._binding.bind_ortvalue_output("y", self._y)

    def run(self) -> npt.NDArray[Any]:
        """Run or replay."""
        self._session.run_with_iobinding(self._binding)
        y: npt.NDArray[Any] = self._y.numpy()
        return y


@pytest.fixture
def gpu() -> Device:
    """The GPU; without one this file is left out, or skipped if it is asked for by name."""
    library = usable_library()
    if library is None:
        pytest.skip("needs a GPU, and build/cuda/libmixline_ops_cuda.so")
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    return Device(name="gpu", path=library.path, provider="CUDAExecutionProvider")


@pytest.mark.parametrize("tokens", [1, 4, 5, 70])
def test_replays_compute_what_is_in_their_inputs_now(
    tokens: int, make_ffn: Make, gpu: Device
) -> None:
    """Other tokens and other experts than those of the capture."""
    ffn = make_ffn(tokens=tokens, hidden=256, expert_hidden=192, experts=16, k=4, bias=True)
    feeds = halved(ffn)
    session = Captured(gpu, half_model(ffn), feeds)
    for _ in range(3):
        y = session.run()
    exact = expert_ffn(ffn.experts, feeds["x"], feeds["ids"], feeds["weights"])
    assert np.linalg.norm(y - exact) < TOLERANCE * np.linalg.norm(exact)
    other = {"x": -feeds["x"], "ids": (feeds["ids"] + 5) % 16}
    for name, value in other.items():
        session.inputs[name].update_inplace(value)

    y = session.run()

    exact = expert_ffn(ffn.experts, other["x"], other["ids"], feeds["weights"])
    assert np.linalg.norm(y - exact) < TOLERANCE * np.linalg.norm(exact)


def test_a_replay_tells_its_faults(make_ffn: Make, gpu: Device) -> None:
    """No call of ours happens then: its owner asks."""
    ffn = make_ffn(tokens=2)
    session = Captured(gpu, half_model(ffn), halved(ffn))
    for _ in range(3):
        session.run()
    assert gpu.faults() == []
    session.inputs["ids"].update_inplace(np.full((2, 2), 99, np.int32))

    session.run()

    assert len(gpu.faults()) == 1


def test_gpu_memory_is_the_experts(make_ffn: Make, gpu: Device) -> None:
    """What the driver says is free shrinks by less than 1.1 times the experts: 71 MB in int4."""
    ffn = make_ffn(tokens=1, hidden=512, expert_hidden=512, experts=160, k=4)
    size = sum(int(ffn.node.weights[name].nbytes) for name in ("gate_up", "down"))
    small = make_ffn(tokens=1)
    first = gpu.session(half_model(small))
    first.run(None, halved(small))  # the context, the provider's own, one workspace
    session = gpu.session(half_model(ffn))
    before = free_bytes()

    session.run(None, halved(ffn))

    assert size <= before - free_bytes() + (4 << 20)  # the driver gives memory in pieces of 2 MB
    assert before - free_bytes() < 1.1 * size
    assert gpu.totals().expert_bytes >= size


def free_bytes() -> int:
    """What the driver says is free."""
    driver = ctypes.CDLL("libcuda.so.1")
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    assert driver.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total)) == 0
    return free.value


def test_experts_that_do_not_fit_are_read_over_the_bus(make_ffn: Make, gpu: Device) -> None:
    """The most used move in; y stays what it is, and hits are counted."""
    ffn = make_ffn(tokens=2, experts=8, k=2)
    size = sum(int(ffn.node.weights[name].nbytes) for name in ("gate_up", "down"))
    feeds = halved(ffn)
    feeds["ids"] = np.array([[6, 7], [7, 6]], np.int32)
    exact = expert_ffn(ffn.experts, feeds["x"], feeds["ids"], feeds["weights"])
    session = gpu.session(half_model(ffn), resident_bytes=size // 4)

    for _ in range(200):
        (y,) = session.run(None, feeds)
        assert np.linalg.norm(y - exact) < TOLERANCE * np.linalg.norm(exact)

    assert gpu.totals().hits > 0
