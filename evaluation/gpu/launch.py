"""Calls of the CUDA library's plain functions: structs as inference/ops/native/cuda has them."""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from inference.errors import OperatorLibraryError

FORMATS: Final = {"int8": 1, "int4": 2, "mxfp4": 3}
ACTIVATIONS: Final = {"swiglu": 0, "swiglu_oai": 1, "gelu": 2}
FLOAT16: Final = 1
_SIZE = ctypes.c_size_t
_POINTER = ctypes.c_void_p


class Shape(ctypes.Structure):
    """ExpertShape of expert_dispatch.h."""

    _fields_ = (
        ("hidden", _SIZE),
        ("expert_hidden", _SIZE),
        ("num_experts", _SIZE),
        ("format", ctypes.c_int),
        ("block", _SIZE),
        ("activation", ctypes.c_int),
        ("alpha", ctypes.c_float),
        ("limit", ctypes.c_float),
    )


class ExpertLaunch(ctypes.Structure):
    """ExpertLaunch of expert_kernels.h."""

    _fields_ = (
        ("shape", Shape),
        ("tokens", _SIZE),
        ("slots", _SIZE),
        ("element", ctypes.c_int),
        ("x", _POINTER),
        ("expert_ids", _POINTER),
        ("weights", _POINTER),
        ("gate_up", _POINTER),
        ("down", _POINTER),
        ("gate_up_bias", _POINTER),
        ("down_bias", _POINTER),
        ("y", _POINTER),
        ("workspace", _POINTER),
        ("flag", _POINTER),
        ("addresses", _POINTER),
        ("uses", _POINTER),
    )


class RouterLaunch(ctypes.Structure):
    """RouterLaunch of expert_kernels.h: softmax over all, the k best, normalised."""

    _fields_ = (
        ("k", _SIZE),
        ("scoring", ctypes.c_int),
        ("normalize", ctypes.c_bool),
        ("softmax_after_topk", ctypes.c_bool),
        ("n_group", _SIZE),
        ("topk_group", _SIZE),
        ("scale", ctypes.c_float),
        ("max_experts", _SIZE),
        ("mass", ctypes.c_double),
        ("tokens", _SIZE),
        ("experts", _SIZE),
        ("element", ctypes.c_int),
        ("logits", _POINTER),
        ("bias", _POINTER),
        ("expert_ids", _POINTER),
        ("expert_weights", _POINTER),
        ("flag", _POINTER),
    )


class Buffer(Protocol):
    """Memory that kernels can use, as long as this lives."""

    @property
    def address(self) -> int:
        """Where it begins."""
        ...

    def read(self) -> npt.NDArray[Any]:
        """Wait for what was launched, and return a copy."""
        ...


class Memory(Protocol):
    """Where kernels run: a GPU, or plain memory for the rehearsal."""

    @property
    def stream(self) -> int:
        """What launches are queued in."""
        ...

    def put(self, array: npt.NDArray[Any]) -> Buffer:
        """Copy an array there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainBuffer:
    """An array whose first byte is at a multiple of 256."""

    array: npt.NDArray[Any]

    @property
    def address(self) -> int:
        """Where it begins."""
        return int(self.array.ctypes.data)

    def read(self) -> npt.NDArray[Any]:
        """Return a copy."""
        return self.array.copy()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainMemory:
    """The processor's memory, for the library of tests/native/fake_gpu.cc."""

    stream: int = 0

    def put(self, array: npt.NDArray[Any]) -> PlainBuffer:
        """Copy an array."""
        room = np.empty(array.nbytes + 256, np.uint8)
        start = -room.ctypes.data % 256
        copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
        copy[...] = array
        return PlainBuffer(array=copy)


class Operators:
    """The library's two operators."""

    def __init__(self, path: Path) -> None:
        """Load the library.

        Raises:
            OperatorLibraryError: it cannot be loaded, or has other structs.
        """
        try:
            self._library = ctypes.CDLL(str(path))
            sizes = {
                ExpertLaunch: self._library.mixline_cuda_expert_launch_bytes,
                RouterLaunch: self._library.mixline_cuda_router_launch_bytes,
            }
            for struct, size in sizes.items():
                if (found := size()) != ctypes.sizeof(struct):
                    raise OperatorLibraryError(
                        f"expected {path} to have a {struct.__name__} of {ctypes.sizeof(struct)}"
                        f" bytes, found {found}; rebuild it with -DMIXLINE_CUDA=ON"
                    )
            for name in ("unsupported", "run_experts", "run_router"):
                getattr(self._library, f"mixline_cuda_{name}").restype = ctypes.c_char_p
            self._library.mixline_cuda_workspace_bytes.restype = ctypes.c_size_t
        except (OSError, AttributeError) as error:
            raise OperatorLibraryError(
                f"expected {path} to be this version's library of CUDA operators, got: {error};"
                " rebuild it with -DMIXLINE_CUDA=ON"
            ) from error

    def workspace_bytes(self, launch: ExpertLaunch) -> int:
        """Return what the launch needs besides its tensors.

        Raises:
            OperatorLibraryError: such a launch cannot run.
        """
        _raise_if(self._library.mixline_cuda_unsupported(ctypes.byref(launch)))
        return int(self._library.mixline_cuda_workspace_bytes(ctypes.byref(launch)))

    def run_experts(self, launch: ExpertLaunch, stream: int) -> None:
        """Launch; it does not wait.

        Raises:
            OperatorLibraryError: CUDA refuses.
        """
        run = self._library.mixline_cuda_run_experts
        _raise_if(run(ctypes.byref(launch), ctypes.c_void_p(stream)))

    def run_router(self, launch: RouterLaunch, stream: int) -> None:
        """Launch; it does not wait.

        Raises:
            OperatorLibraryError: CUDA refuses.
        """
        run = self._library.mixline_cuda_run_router
        _raise_if(run(ctypes.byref(launch), ctypes.c_void_p(stream)))


def _raise_if(message: bytes | None) -> None:
    if message is not None:
        raise OperatorLibraryError(f"CUDA operators: {message.decode(errors='replace')}")
