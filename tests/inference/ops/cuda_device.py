"""The CUDA operators in sessions: over plain memory (tests/native/fake_gpu.cc), or on a GPU."""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort


class State(ctypes.Structure):
    """FakeGpu of fake_gpu.cc."""

    _fields_ = tuple(
        (name, ctypes.c_int64)
        for name in (
            "device_bytes",
            "most_device_bytes",
            "free_bytes",
            "pinned_bytes",
            "allocations",
            "copied_bytes",
            "waits",
            "launches",
            "capturing",
            "overruns",
        )
    )


class Totals(ctypes.Structure):
    """ExpertTotals of expert_ffn_cuda_op.h."""

    _fields_ = tuple(
        (name, ctypes.c_int64) for name in ("device_bytes", "expert_bytes", "uses", "hits")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A library of operators, and the provider that it is for."""

    name: str
    path: Path
    provider: str

    def session(self, model: Any, resident_bytes: int | str | None = None) -> ort.InferenceSession:
        """Open a session; `resident_bytes` of the experts stay in device memory."""
        options = ort.SessionOptions()
        options.register_custom_ops_library(str(self.path))
        options.log_severity_level = 4  # errors come back as exceptions
        options.intra_op_num_threads = 1
        if resident_bytes is not None:
            options.add_session_config_entry("mixline.resident_bytes", str(resident_bytes))
        return ort.InferenceSession(model.SerializeToString(), options, providers=[self.provider])

    @property
    def library(self) -> ctypes.CDLL:
        """The library, for what it exports besides operators."""
        library = ctypes.CDLL(str(self.path))
        library.mixline_cuda_take_faults.restype = ctypes.c_char_p
        return library

    def faults(self) -> list[str]:
        """What kernels found wrong since the last time."""
        text: bytes = self.library.mixline_cuda_take_faults()
        return text.decode().splitlines()

    def totals(self) -> Totals:
        """What the experts of all sessions hold and did."""
        totals = Totals()
        self.library.mixline_cuda_totals(ctypes.byref(totals))
        return totals

    def state(self) -> State:
        """What the plain memory was asked for; it may be changed."""
        library = self.library
        library.mixline_fake_gpu.restype = ctypes.POINTER(State)
        state: State = library.mixline_fake_gpu().contents
        return state


def halved(ffn: Any) -> dict[str, npt.NDArray[Any]]:
    """Feeds with x in fp16."""
    return {**ffn.node.feeds, "x": ffn.node.feeds["x"].astype(np.float16)}


def half_model(ffn: Any) -> Any:
    """Return the graph with x in fp16."""
    model = ffn.node.model()
    model.graph.input[0].type.tensor_type.elem_type = 10
    return model
