"""The safetensors file format: reading through a memory map, writing as a stream.

A file is a 64-bit little-endian length, a JSON header of that length (name -> dtype, shape, begin
and end in the data), and the data. See https://github.com/huggingface/safetensors.
"""

import json
import math
import mmap
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from inference.json_fields import JsonFields
from onnx_export.errors import CheckpointError

MAX_HEADER_BYTES: Final = 100 * 2**20  # the format's own limit
_LENGTH_BYTES: Final = 8
_BYTES: Final = "U8"
_WRITTEN: Final = 2**24  # values that are rounded at once
_DTYPES: Final[Mapping[str, np.dtype[np.generic]]] = MappingProxyType(
    {
        "F32": np.dtype("<f4"),
        "F16": np.dtype("<f2"),
        "BF16": np.dtype("<u2"),  # numpy has no bfloat16: its bits
        "U8": np.dtype("u1"),  # nibbles and scales of MXFP4
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """One tensor of a file, read when asked."""

    name: str
    dtype: str  # F32, F16, BF16 or U8
    shape: tuple[int, ...]
    begin: int  # from the file's start, in bytes
    end: int
    path: Path
    data: mmap.mmap

    @property
    def num_bytes(self) -> int:
        """Bytes in the file."""
        return self.end - self.begin

    def read(self, start: int = 0, stop: int | None = None) -> npt.NDArray[np.float32]:
        """Return the rows ``start`` to ``stop`` as f32, exactly (bf16 and f16 are subsets of f32).

        Raises:
            CheckpointError: a value is NaN or infinite, or the tensor is of bytes.
        """
        if self.dtype == _BYTES:
            raise self._other_dtype(", ".join(sorted(set(_DTYPES) - {_BYTES})))
        rows = range(self.shape[0])[start:stop] if self.shape else range(1)
        stored = self._stored(rows)
        if self.dtype == "BF16":
            values = (stored.astype(np.uint32) << np.uint32(16)).view(np.float32)
        else:
            values = stored.astype(np.float32)
        if not np.isfinite(values).all():
            raise CheckpointError(
                f"{self.path}: expected finite numbers in {self.name}, found"
                f" {int((~np.isfinite(values)).sum())} that are NaN or infinite; the checkpoint"
                " is damaged or its training failed"
            )
        return values.reshape(len(rows), *self.shape[1:]) if self.shape else values.reshape(())

    def read_bytes(self, start: int = 0, stop: int | None = None) -> npt.NDArray[np.uint8]:
        """Return the rows ``start`` to ``stop`` of a tensor of bytes.

        Raises:
            CheckpointError: it is of another type.
        """
        if self.dtype != _BYTES:
            raise self._other_dtype(_BYTES)
        rows = range(self.shape[0])[start:stop]
        return self._stored(rows).astype(np.uint8).reshape(len(rows), *self.shape[1:])

    def _stored(self, rows: range) -> npt.NDArray[np.generic]:
        dtype = _DTYPES[self.dtype]
        row = math.prod(self.shape[1:])
        return np.frombuffer(
            self.data,
            dtype=dtype,
            count=len(rows) * row,
            offset=self.begin + rows.start * row * dtype.itemsize,
        )

    def _other_dtype(self, expected: str) -> CheckpointError:
        return CheckpointError(
            f"{self.path}: expected {self.name} to be of type {expected}, found {self.dtype}; is"
            " the checkpoint quantised in a way that its config.json does not say?"
        )


def open_safetensors(path: Path) -> dict[str, StoredTensor]:
    """Read the header of ``path`` and map its data.

    Raises:
        CheckpointError: unreadable, truncated, or a header that contradicts itself or the file.
    """
    try:
        with path.open("rb") as file:
            file_bytes = file.seek(0, 2)
            file.seek(0)
            start = file.read(_LENGTH_BYTES)
            header_bytes = struct.unpack("<Q", start)[0] if len(start) == _LENGTH_BYTES else 0
            data_start = _LENGTH_BYTES + header_bytes
            if not 0 < header_bytes <= MAX_HEADER_BYTES or data_start > file_bytes:
                raise CheckpointError(
                    f"{path}: expected a safetensors file, found {file_bytes} bytes whose header"
                    f" would take {header_bytes}; the file is cut off or of another format"
                )
            header = file.read(header_bytes)
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    fields = JsonFields.parse(header, str(path), CheckpointError)
    tensors: dict[str, StoredTensor] = {}
    for name in fields.names():
        if name == "__metadata__":
            continue
        dtype, shape, begin, end = _entry(fields.nested(name), file_bytes - data_start)
        tensors[name] = StoredTensor(
            name=name,
            dtype=dtype,
            shape=shape,
            begin=data_start + begin,
            end=data_start + end,
            path=path,
            data=data,
        )
    return tensors


def write_safetensors(
    path: Path,
    shapes: Mapping[str, Sequence[int]],
    tensors: Iterator[npt.NDArray[np.float32] | npt.NDArray[np.uint8]],
    dtype: str = "F32",
    byte_names: Collection[str] = (),
) -> None:
    """Write tensors one at a time, in the order of ``shapes``.

    Args:
        path: of the file.
        shapes: of all tensors, by name.
        tensors: their values, uint8 for ``byte_names``, else f32.
        dtype: F32, F16 or BF16, what the f32 ones are rounded to.
        byte_names: the tensors of bytes.

    Raises:
        ValueError: a tensor's shape is not the announced one, or a dtype that is not F32 or BF16.
        OSError: the file cannot be written.
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        kind = _BYTES if name in byte_names else dtype
        begin, end = end, end + math.prod(shape) * _DTYPES[kind].itemsize
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for (name, shape), values in zip(shapes.items(), tensors, strict=True):
            if values.shape != tuple(shape):
                raise ValueError(f"expected {name} {list(shape)}, got {list(values.shape)}")
            flat = values.reshape(-1)
            for start in range(0, flat.size, _WRITTEN):  # copies of a part, not of the whole
                file.write(_encode(flat[start : start + _WRITTEN], dtype))


def _encode(values: npt.NDArray[np.float32] | npt.NDArray[np.uint8], dtype: str) -> bytes:
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values).tobytes()
    values = np.ascontiguousarray(values, dtype=np.float32)
    if dtype == "F32":
        return values.astype("<f4").tobytes()
    if dtype == "F16":
        return values.astype("<f2").tobytes()
    bits = values.view(np.uint32)
    half = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))  # to nearest, ties to even
    return ((bits + half) >> np.uint32(16)).astype("<u2").tobytes()


def _entry(fields: JsonFields, data_bytes: int) -> tuple[str, tuple[int, ...], int, int]:
    """Return dtype, shape, begin and end of one tensor, checked against the data's length."""
    dtype = fields.text("dtype", 16)
    if dtype not in _DTYPES:
        raise fields.error(
            "dtype", f"one of {', '.join(_DTYPES)} (quantised checkpoints are not read)", dtype
        )
    shape = tuple(fields.integers("shape", 0, 2**40))
    offsets = fields.integers("data_offsets", 0, 2**60)
    expected = math.prod(shape) * _DTYPES[dtype].itemsize
    match offsets:
        case [begin, end] if begin <= end and end - begin == expected:
            pass
        case _:
            raise fields.error("data_offsets", f"begin and end of {expected} bytes", str(offsets))
    if end > data_bytes:
        raise fields.error(
            "data_offsets",
            f"within the file's {data_bytes} bytes of data (a download that was cut off?)",
            str(offsets),
        )
    return dtype, shape, begin, end
