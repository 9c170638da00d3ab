"""Key/value buffers in the memory of a GPU.

The graph appends in place there. Growing and copying from another slot go through main memory, as
ONNX Runtime copies whole tensors only: both happen seldom, when a prompt doubles or begins anew.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np

from inference.kv_cache import Buffer, KvCache, KvShape, Place


class DeviceBuffer(Protocol):
    """An array on the device; whoever holds it keeps its memory."""

    @property
    def address(self) -> int:
        """On the device."""

    def read(self) -> Buffer:
        """Copy it to main memory."""

    def write(self, values: Buffer) -> None:
        """Replace all of it."""


Allocate: TypeAlias = Callable[[tuple[int, ...], "np.dtype[np.generic]"], DeviceBuffer]


class DeviceKvCache(KvCache):
    """One slot on a GPU; it has no `buffers` in main memory."""

    def __init__(self, shape: KvShape, allocate: Allocate) -> None:
        super().__init__(shape)
        self._allocate = allocate
        self._on_device: list[DeviceBuffer] = []

    def places(self) -> list[Place]:
        """Return where the buffers are on the device."""
        arrays = self.shape.arrays(self.capacity)
        return [
            Place(address=buffer.address, shape=shape, dtype=dtype)
            for buffer, (shape, dtype) in zip(self._on_device, arrays, strict=True)
        ]

    def held(self) -> list[DeviceBuffer]:
        """Return the buffers, in the order of `shape.names`."""
        return self._on_device

    def copy_from(self, other: KvCache, length: int) -> None:
        """Become a copy of the first `length` positions of another slot on the same device."""
        if not isinstance(other, DeviceKvCache):
            raise TypeError(f"expected a slot on the device, got {other!r}")
        arrays = self.shape.arrays(self.capacity)
        for target, source, array in zip(self._on_device, other.held(), arrays, strict=True):
            target.write(_widened(source.read()[:, :, :length], *array))
        self.tokens = other.tokens[:length]

    def clear(self) -> None:
        """Give the memory back; the slot is as new."""
        self._on_device.clear()
        self.tokens.clear()
        self.capacity = 0

    def _replace(self, capacity: int, used: int) -> None:
        """Replace buffer by buffer, so that no more than one is there twice."""
        former, self._on_device = self._on_device, []
        try:
            for shape, dtype in self.shape.arrays(capacity):
                held = former.pop(0).read()[:, :, :used] if former else None
                fresh = self._allocate(shape, dtype)
                fresh.write(_widened(held, shape, dtype))
                self._on_device.append(fresh)
        except BaseException:  # there is too little memory: some buffers are gone
            self.clear()
            raise


def _widened(
    values: Buffer | None, shape: tuple[int, ...], dtype: "np.dtype[np.generic]"
) -> Buffer:
    """Return the values with zeros behind them: a GPU's memory may hold anything, NaN too."""
    wide = np.zeros(shape, dtype)
    if values is not None:
        wide[:, :, : values.shape[2]] = values
    return wide
