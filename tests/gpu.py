"""Whether the tests that need a GPU can run here."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import inference.ops
from inference.errors import OperatorLibraryError
from inference.ops.cuda_library import CudaLibrary, find_cuda_library

BUILT = Path(__file__).resolve().parents[1] / "build" / "cuda"


def folders() -> Iterator[Path]:
    """Where a library of CUDA operators is looked for: the installation, then build/cuda."""
    yield from (Path(folder) for folder in inference.ops.__path__)
    yield BUILT


@cache
def usable_library() -> CudaLibrary | None:
    """Return the library of CUDA operators, if there is one and a GPU for it."""
    try:
        found = find_cuda_library(folders())
    except OperatorLibraryError:  # test_cuda_library.py tells it
        return None
    return found if found is not None and found.num_devices > 0 else None
