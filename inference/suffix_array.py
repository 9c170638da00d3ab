"""Sorts the suffixes of a text by numpy: by their first bytes, then again by twice as many."""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

# N bytes of the text, U of its suffixes that are not in order yet

Ids: TypeAlias = npt.NDArray[np.int32]
Flags: TypeAlias = npt.NDArray[np.bool_]
DEPTH: Final = 256  # bytes that decide: suffixes that agree in more stand in any order
_FIRST: Final = 8  # bytes of a key


def sort_suffixes(text: bytes, pause: Callable[[], None]) -> Ids:
    """Return where the suffixes of a text begin ``[N]``, in their order.

    Prefix doubling: two suffixes that are not told apart by h bytes are so by the ranks of what
    stands h bytes further on.

    Args:
        text: below 2 GiB.
        pause: called between the rounds, each of which takes about 50 ns a byte.
    """
    count = len(text)
    keys = _first_keys(text)
    order = keys.argsort().astype(np.int32)
    keys = keys[order]
    begins = np.ones(count, dtype=np.bool_)  # of a group of suffixes without an order yet
    np.not_equal(keys[1:], keys[:-1], out=begins[1:])
    del keys
    ranks = np.empty(count + 1, dtype=np.int32)
    ranks[count] = 0  # the end of the text stands before everything
    known = _FIRST
    while True:
        ranks[order] = np.cumsum(begins, dtype=np.int32)
        slots = _unsorted(begins)
        if known >= DEPTH or not len(slots):
            return order
        pause()
        places = order[slots]
        joined = ranks[places].astype(np.int64) << 32
        joined |= ranks[np.minimum(places + known, count)]
        sorting = joined.argsort()
        order[slots] = places[sorting]
        joined = joined[sorting]
        begins[slots[1:]] |= joined[1:] != joined[:-1]
        known *= 2


def _first_keys(text: bytes) -> npt.NDArray[np.uint64]:
    """Return the first bytes of each suffix as one number; the text goes on with zeros."""
    keys = np.frombuffer(text + bytes(_FIRST), dtype=np.uint8).astype(np.uint64)
    width = 1
    while width < _FIRST:
        keys = (keys[:-width] << np.uint64(8 * width)) | keys[width:]
        width *= 2
    return keys[: len(text)]


def _unsorted(begins: Flags) -> npt.NDArray[np.intp]:
    """Return the slots ``[U]`` of groups of more than one."""
    alone = begins.copy()
    alone[:-1] &= begins[1:]
    return np.flatnonzero(~alone)
