"""Finding the native operator library, and asking it for its kernels and its counts."""

import ctypes
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import inference.ops
from inference.errors import OperatorLibraryError
from inference.ops.cuda_library import find_cuda_library
from inference.ops.layout import LAYOUT

LIBRARY_NAME: Final = "libmixline_ops.so"


def library_path() -> Path:
    """Return the operator library that is installed in this package and reads its weights.

    An editable install spreads the package over the source tree and the folder of the built
    library, so every entry of the package's search path is looked at; and the two can be of
    different versions there.

    Raises:
        OperatorLibraryError: the library was not built, was removed, or is another version's.
    """
    path = _find(Path(folder) for folder in inference.ops.__path__)
    layout = _load(path).mixline_packed_layout()
    if layout != LAYOUT:
        raise OperatorLibraryError(
            f"expected {path} to read packed weights in layout {LAYOUT}, as this version of mixline"
            f" writes them, found layout {layout}; rebuild it with `pip install -e .`, or reinstall"
            " mixline"
        )
    return path


def cuda_library_path() -> Path | None:
    """Return the library to register for models on CUDA's provider; None: it was not built.

    Raises:
        OperatorLibraryError: there is one, but it cannot be loaded, or is another version's.
    """
    found = find_cuda_library()
    return None if found is None else found.path


def chosen_kernel() -> str:
    """Return the kernel that a session created now would use, e.g. ``avx2``.

    Raises:
        OperatorLibraryError: the library is missing, or MIXLINE_ISA names a kernel that this
            build or this processor does not have.
    """
    library = _load(library_path())
    name = library.mixline_kernel_name()
    if name is None:
        raise OperatorLibraryError(library.mixline_kernel_error().decode())
    return str(name.decode())


def available_kernels() -> tuple[str, ...]:
    """Return the kernels that are built and that this processor runs, the fastest first.

    Raises:
        OperatorLibraryError: the library is missing.
    """
    names: bytes = _load(library_path()).mixline_kernels_available()
    return tuple(names.decode().split(","))


def count_experts(on: bool) -> None:
    """Count, from now on and from nothing, how often routers choose each expert; or stop.

    All sessions of this process count together; while it is off, counting costs nothing.

    Raises:
        OperatorLibraryError: the library is missing.
    """
    _load(library_path()).mixline_count_experts(int(on))


def expert_counts() -> dict[str, tuple[int, ...]]:
    """Return, for each router node that has seen a token, how often it chose expert 0, 1, ...

    The order is that of the nodes' first tokens: the order of the layers.

    Raises:
        OperatorLibraryError: the library is missing.
    """
    text: bytes = _load(library_path()).mixline_expert_counts()
    lines = (line.partition("\t") for line in text.decode(errors="replace").split("\n") if line)
    return {name: tuple(map(int, counts.split())) for counts, _, name in lines}


def _find(folders: Iterable[Path]) -> Path:
    folders = list(folders)
    for folder in folders:
        if (path := folder / LIBRARY_NAME).is_file():
            return path
    looked = ", ".join(str(folder) for folder in folders)
    raise OperatorLibraryError(
        f"expected the operator library {LIBRARY_NAME} in {looked}, found none;"
        " build it with `pip install -e .` in the source tree, or reinstall mixline"
    )


def _load(path: Path) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(path))
        for name in (
            "mixline_kernel_name",
            "mixline_kernel_error",
            "mixline_kernels_available",
            "mixline_expert_counts",
        ):
            getattr(library, name).restype = ctypes.c_char_p
        library.mixline_packed_layout.restype = ctypes.c_int
        library.mixline_count_experts.restype = None
    except (OSError, AttributeError) as error:
        raise OperatorLibraryError(
            f"expected {path} to be this version's operator library, got: {error};"
            " rebuild it with `pip install -e .`, or reinstall mixline"
        ) from error
    return library
