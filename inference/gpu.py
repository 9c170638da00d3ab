"""Which GPU there is and how much of its memory is free, asked of NVIDIA's driver by ctypes.

The libraries are the driver's own, so nothing has to be installed, and nothing is loaded where
there is no driver. Memory is asked of NVML, which knows it without a context; a container may lack
that library, then a context is made for the question.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

DRIVER: Final = "libcuda.so.1"
MANAGEMENT: Final = "libnvidia-ml.so.1"
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CUdevice_attribute
_TEXT_BYTES: Final = 256
_DRIVER_STEP: Final = 1000  # 13010 is CUDA 13.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """The first GPU, as CUDA counts them."""

    name: str
    capability: tuple[int, int]  # (9, 0) is sm_90
    driver_cuda: int  # the newest CUDA that the driver runs, e.g. 13
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoGpu:
    """There is none, or it does not answer."""

    reason: str


class _MemoryInfo(ctypes.Structure):
    """nvmlMemory_t."""

    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


class _CallError(Exception):
    """A function of the driver is missing or failed."""


_Call: TypeAlias = Callable[..., None]


def find_gpu(driver: str = DRIVER, management: str = MANAGEMENT) -> Gpu | NoGpu:
    """Ask for the first GPU.

    Args:
        driver: name or path of the driver's library.
        management: of NVML.
    """
    try:
        cuda = _library(driver)
    except OSError:
        return NoGpu(reason=f"no NVIDIA driver ({driver} is not installed)")
    try:
        return _first(cuda, management)
    except _CallError as error:
        return NoGpu(reason=f"the NVIDIA driver gives no GPU ({error})")


def _first(cuda: _Call, management: str) -> Gpu:
    cuda("cuInit", 0)
    count, device, version = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    cuda("cuDeviceGetCount", ctypes.byref(count))
    if not count.value:
        raise _CallError("it counts 0")
    cuda("cuDeviceGet", ctypes.byref(device), 0)
    cuda("cuDriverGetVersion", ctypes.byref(version))
    name = ctypes.create_string_buffer(_TEXT_BYTES)
    cuda("cuDeviceGetName", name, _TEXT_BYTES, device)
    total = ctypes.c_size_t()
    cuda("cuDeviceTotalMem_v2", ctypes.byref(total), device)
    major, minor = (
        _attribute(cuda, device, number) for number in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR)
    )
    try:
        free = _free_by_management(cuda, device, management)
    except (OSError, _CallError):
        free = _free_by_context(cuda, device)
    return Gpu(
        name=name.value.decode(errors="replace"),
        capability=(major, minor),
        driver_cuda=version.value // _DRIVER_STEP,
        total_bytes=total.value,
        free_bytes=min(free, total.value),  # a part of a GPU (MIG) has less than the whole
    )


def _attribute(cuda: _Call, device: ctypes.c_int, number: int) -> int:
    value = ctypes.c_int()
    cuda("cuDeviceGetAttribute", ctypes.byref(value), number, device)
    return value.value


def _free_by_management(cuda: _Call, device: ctypes.c_int, management: str) -> int:
    """Ask NVML, which counts GPUs in another order: by the place on the bus."""
    place = ctypes.create_string_buffer(_TEXT_BYTES)
    cuda("cuDeviceGetPCIBusId", place, _TEXT_BYTES, device)
    nvml = _library(management)
    nvml("nvmlInit_v2")
    try:
        handle, info = ctypes.c_void_p(), _MemoryInfo()
        nvml("nvmlDeviceGetHandleByPciBusId_v2", place, ctypes.byref(handle))
        nvml("nvmlDeviceGetMemoryInfo", handle, ctypes.byref(info))
    finally:
        nvml("nvmlShutdown")
    return int(info.free)


def _free_by_context(cuda: _Call, device: ctypes.c_int) -> int:
    """Ask within the GPU's primary context, the one that ONNX Runtime uses too."""
    context, free, total = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t()
    cuda("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    try:
        cuda("cuCtxPushCurrent_v2", context)
        try:
            cuda("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        finally:
            cuda("cuCtxPopCurrent_v2", ctypes.byref(context))
    finally:
        cuda("cuDevicePrimaryCtxRelease_v2", device)
    return free.value


def _library(name: str) -> _Call:
    """Load a library; what comes back calls a function of it, 0 being success.

    Raises:
        OSError: it is not there.
    """
    loaded = ctypes.CDLL(name)

    def call(function: str, *arguments: object) -> None:
        try:
            status = getattr(loaded, function)(*arguments)
        except AttributeError as error:
            raise _CallError(f"{name} has no {function}") from error
        if status:
            raise _CallError(f"{function} failed with {status}")

    return call
