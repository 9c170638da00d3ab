"""Asking the library of the CUDA operators, where one was built, what it runs on."""

import ctypes
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import inference.ops
from inference.errors import OperatorLibraryError
from inference.ops.layout import LAYOUT

LIBRARY_NAME: Final = "libmixline_ops_cuda.so"
_REASON_BYTES: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaLibrary:
    """A library of CUDA operators, and the GPUs that it found."""

    path: Path
    architectures: tuple[str, ...]  # that it has machine code for, e.g. sm_90
    num_devices: int
    no_device: str  # why there is none; "" if there is one


def find_cuda_library(folders: Iterable[Path] | None = None) -> CudaLibrary | None:
    """Return the CUDA operators of this installation, or None where they were not built.

    Args:
        folders: Where to look; by default the package's own folders.

    Raises:
        OperatorLibraryError: there is one, but it cannot be loaded, or is another version's.
    """
    looked = (Path(folder) for folder in inference.ops.__path__) if folders is None else folders
    path = next((found for f in looked if (found := f / LIBRARY_NAME).is_file()), None)
    if path is None:
        return None
    try:
        library = ctypes.CDLL(str(path))
        architectures = library.mixline_cuda_architectures
        architectures.restype = ctypes.c_char_p
        layout = library.mixline_cuda_packed_layout()
        reason = ctypes.create_string_buffer(_REASON_BYTES)
        devices = library.mixline_cuda_devices(reason, ctypes.c_size_t(_REASON_BYTES))
    except (OSError, AttributeError) as error:
        raise OperatorLibraryError(
            f"expected {path} to be this version's library of CUDA operators, got: {error};"
            " rebuild it with -DMIXLINE_CUDA=ON, or remove it"
        ) from error
    if layout != LAYOUT:
        raise OperatorLibraryError(
            f"expected {path} to read packed weights in layout {LAYOUT}, found layout {layout};"
            " rebuild it with -DMIXLINE_CUDA=ON, or remove it"
        )
    return CudaLibrary(
        path=path,
        architectures=tuple(architectures().decode().split(",")),
        num_devices=devices,
        no_device=reason.value.decode(errors="replace"),
    )


def fault_reader(path: Path) -> Callable[[], list[str]]:
    """Return what tells, after a run has ended, what kernels found wrong since it was asked last.

    Args:
        path: of the library that `find_cuda_library` gave.
    """
    take = ctypes.CDLL(str(path)).mixline_cuda_take_faults
    take.restype = ctypes.c_char_p

    def read() -> list[str]:
        text: bytes = take()
        return text.decode(errors="replace").splitlines()

    return read
