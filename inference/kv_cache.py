"""Key/value buffers of one slot: written in place by the graph, grown by doubling, rewound freely.

A buffer is bound as past and as present. The graph reads `length` positions and writes behind them;
what stands behind `length` is never read, so going back is only a smaller `length`.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.errors import ContextLengthError

# L layers, H key/value heads, C capacity in tokens, D head dimension

Buffer: TypeAlias = npt.NDArray[np.generic]
KvFormat: TypeAlias = Literal["f32", "f16", "int8"]
_DTYPES: Final = MappingProxyType({"f32": np.float32, "f16": np.float16, "int8": np.int8})
_ALIGNMENT: Final = 64  # bytes: ONNX Runtime's kernels may use aligned vector loads
_FIRST_CAPACITY: Final = 256  # tokens
_INT8_BLOCK: Final = 32  # values of an int8 buffer that share a scale


@dataclass(frozen=True, slots=True, kw_only=True)
class KvShape:
    """What the model's graph asks of its buffers."""

    layers: int
    kv_heads: int
    head_dim: int
    context: int  # tokens, the largest capacity
    kv_format: KvFormat = "f32"  # of keys and values; int8 ones have scales in buffers of their own

    @property
    def tensors(self) -> tuple["KvTensor", ...]:
        """The buffers of one layer."""
        dtype = np.dtype(_DTYPES[self.kv_format])
        parts = ("key", "value")
        values = tuple(KvTensor(name=name, dtype=dtype, width=self.head_dim) for name in parts)
        if self.kv_format != "int8":
            return values
        blocks = self.head_dim // _INT8_BLOCK
        scale = np.dtype(np.float32)
        return values + tuple(
            KvTensor(name=f"{name}_scale", dtype=scale, width=blocks) for name in parts
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The graph's name of every buffer, less `past_` or `present_`."""
        return tuple(f"{i}_{tensor.name}" for i in range(self.layers) for tensor in self.tensors)

    def arrays(self, capacity: int) -> list[tuple[tuple[int, ...], "np.dtype[np.generic]"]]:
        """Return shape and type of every buffer of so many tokens, in the order of `names`."""
        return [
            ((1, self.kv_heads, capacity, tensor.width), tensor.dtype)
            for _ in range(self.layers)
            for tensor in self.tensors
        ]

    @property
    def bytes_per_token(self) -> int:
        """Keys and values of all layers."""
        per_head = sum(tensor.width * tensor.dtype.itemsize for tensor in self.tensors)
        return self.layers * self.kv_heads * per_head


@dataclass(frozen=True, slots=True, kw_only=True)
class KvTensor:
    """One buffer of a layer: [1, H, C, width]."""

    name: str
    dtype: "np.dtype[np.generic]"
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a buffer is; its address is one of the memory that the slot is in."""

    address: int
    shape: tuple[int, ...]
    dtype: "np.dtype[np.generic]"


class KvCache:
    """The buffers of one slot; its `tokens` are the ids whose keys and values they hold."""

    def __init__(self, shape: KvShape) -> None:
        self.shape = shape
        self.capacity = 0
        self.tokens: list[int] = []
        self.buffers: list[Buffer] = []  # in the order of `shape.names`
        self.growths = 0  # how often the buffers have been replaced

    def places(self) -> list[Place]:
        """Return where the buffers are, in the order of `shape.names`, until they grow."""
        return [
            Place(address=buffer.ctypes.data, shape=buffer.shape, dtype=buffer.dtype)
            for buffer in self.buffers
        ]

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        return self.capacity * self.shape.bytes_per_token

    def capacity_for(self, num_tokens: int, limit: int) -> int:
        """Return the capacity that `reserve` would choose: doubled from the present one.

        Raises:
            ContextLengthError: more tokens than the context or `limit` allows.
        """
        most = min(self.shape.context, limit)
        if num_tokens > most:
            bound = "the model's context" if most == self.shape.context else "the KV memory budget"
            raise ContextLengthError(
                f"expected at most {most} tokens ({bound}), the request needs {num_tokens}; ask for"
                " less text or fewer tokens"
            )
        capacity = max(self.capacity, min(_FIRST_CAPACITY, most))
        while capacity < num_tokens:
            capacity *= 2
        return min(capacity, most)

    def reserve(self, num_tokens: int, limit: int) -> None:
        """Make room for `num_tokens`; what the buffers hold is kept.

        Raises:
            ContextLengthError: as `capacity_for`; the buffers stay as they are.
        """
        if num_tokens <= self.capacity:
            return
        capacity = self.capacity_for(num_tokens, limit)
        self._replace(capacity, len(self.tokens))
        self.capacity = capacity
        self.growths += 1

    def rewind(self, length: int) -> None:
        """Forget everything from position `length` on."""
        del self.tokens[length:]

    def copy_from(self, other: "KvCache", length: int) -> None:
        """Become a copy of the first `length` positions of another slot; the capacity suffices."""
        for mine, theirs in zip(self.buffers, other.buffers, strict=True):
            mine[:, :, :length] = theirs[:, :, :length]
        self.tokens = other.tokens[:length]

    def _replace(self, capacity: int, used: int) -> None:
        """Make larger buffers, and copy what the first ``used`` positions hold."""
        fresh = [_aligned_empty(shape, dtype) for shape, dtype in self.shape.arrays(capacity)]
        if used:  # the very first buffers have no former ones
            for new, former in zip(fresh, self.buffers, strict=True):
                new[:, :, :used] = former[:, :, :used]
        self.buffers = fresh


def _aligned_empty(shape: tuple[int, ...], dtype: "np.dtype[np.generic]") -> Buffer:
    """Allocate without touching the pages: memory is used as the positions are."""
    nbytes = dtype.itemsize * int(np.prod(shape))
    raw = np.empty(nbytes + _ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + nbytes].view(dtype).reshape(shape)
