"""Arrays that end where memory ends: a read or write behind them is a fault, in any build."""

import ctypes
import mmap
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_BYTES: Final = 4 << 20  # of one arena: larger than any array of the fuzzer
_PROT_NONE: Final = 0
_libc: Final = ctypes.CDLL(None, use_errno=True)


class Arena:
    """Room for one array at a time, in front of a page that nobody may touch."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, _BYTES + mmap.PAGESIZE)
        self._bytes = np.frombuffer(self._map, dtype=np.uint8)
        guard = ctypes.c_void_p(self._bytes.ctypes.data + _BYTES)
        if _libc.mprotect(guard, ctypes.c_size_t(mmap.PAGESIZE), _PROT_NONE) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")

    def hold(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a copy whose last byte is the last one before the page; it ends the former one."""
        place = self._bytes[_BYTES - array.nbytes : _BYTES]
        copy = place.view(array.dtype).reshape(array.shape)
        copy[...] = array
        return copy
