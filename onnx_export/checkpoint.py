"""A Hugging Face checkpoint folder: its tensors by name, over one or several safetensors files."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from inference.json_fields import JsonFields
from inference.manifest import is_plain_name
from onnx_export.errors import CheckpointError
from onnx_export.safetensors_file import StoredTensor, open_safetensors

SINGLE_FILE: Final = "model.safetensors"
INDEX_FILE: Final = "model.safetensors.index.json"
MAX_JSON_BYTES: Final = 256 * 2**20

ROWS_BYTES: Final = 64 * 2**20  # of f32 that `Checkpoint.rows` has in memory

OnRead = Callable[[str, int], None]  # a tensor's name and bytes, after each read


class Tensor(Protocol):
    """A tensor that is read when asked for, in a file or elsewhere."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""

    @property
    def num_bytes(self) -> int:
        """Bytes in the file."""

    def read(self, start: int = 0, stop: int | None = None) -> npt.NDArray[np.float32]:
        """Return the rows ``start`` to ``stop`` as f32."""

    def read_bytes(self, start: int = 0, stop: int | None = None) -> npt.NDArray[np.uint8]:
        """Return the rows ``start`` to ``stop`` of a tensor of bytes."""


class Checkpoint:
    """The tensors of a checkpoint; each is read from the disk when asked for."""

    def __init__(
        self, path: Path, tensors: Mapping[str, Tensor], on_read: OnRead | None = None
    ) -> None:
        self.path = path
        self._tensors = tensors
        self._on_read = on_read

    @classmethod
    def open(cls, path: Path) -> "Checkpoint":
        """Map the weight files of the folder ``path``.

        Raises:
            CheckpointError: no safetensors files, or one that is missing, cut off or damaged.
        """
        if (path / INDEX_FILE).is_file():
            return cls(path, _open_shards(path))
        if (path / SINGLE_FILE).is_file():
            return cls(path, open_safetensors(path / SINGLE_FILE))
        found = sorted(file.name for file in path.iterdir())[:10] if path.is_dir() else "no folder"
        raise CheckpointError(
            f"{path}: expected {SINGLE_FILE} or {INDEX_FILE}, found {found}; name the folder of a"
            " Hugging Face checkpoint with safetensors weights"
        )

    def reporting_to(self, on_read: OnRead) -> "Checkpoint":
        """Return the same checkpoint, which calls ``on_read`` after each tensor."""
        return Checkpoint(self.path, self._tensors, on_read)

    def num_bytes_of(self, name: str) -> int:
        """Return a tensor's bytes in its file; it must exist."""
        return self._tensors[name].num_bytes

    def names(self) -> frozenset[str]:
        """Return the names of all tensors."""
        return frozenset(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a tensor's shape.

        Raises:
            CheckpointError: there is no such tensor.
        """
        if name not in self._tensors:
            raise CheckpointError(
                f"{self.path}: expected the tensor {name}, found none of that name among"
                f" {len(self._tensors)}; is a shard missing, or the config of another model?"
            )
        return self._tensors[name].shape

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """Compare a tensor's shape with what the configuration asks for, without reading it.

        Raises:
            CheckpointError: missing, or of another shape.
        """
        found = self.shape(name)
        if found != shape:
            raise CheckpointError(
                f"{self.path}: expected {name} to be {list(shape)} as config.json says, found"
                f" {list(found)}"
            )

    def read(self, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """Return a tensor as f32.

        Raises:
            CheckpointError: missing, of another shape, or with NaN or infinite values.
        """
        self.check(name, shape)
        tensor = self._tensors[name]
        values = tensor.read()
        if self._on_read is not None:
            self._on_read(name, tensor.num_bytes)
        return values

    def part(self, name: str, shape: tuple[int, ...], index: int) -> npt.NDArray[np.float32]:
        """Return one entry along the first axis as f32.

        Raises:
            CheckpointError: as `read`.
        """
        self.check(name, shape)
        values = self._tensors[name].read(index, index + 1)
        self._count_part(name, shape)
        return values.reshape(shape[1:])

    def bytes_part(self, name: str, shape: tuple[int, ...], index: int) -> npt.NDArray[np.uint8]:
        """Return one entry along the first axis of a tensor of bytes.

        Raises:
            CheckpointError: missing, of another shape, or not of bytes.
        """
        self.check(name, shape)
        values = self._tensors[name].read_bytes(index, index + 1)
        self._count_part(name, shape)
        return values.reshape(shape[1:])

    def rows(self, name: str, shape: tuple[int, int]) -> Iterator[npt.NDArray[np.float32]]:
        """Yield a large matrix as f32, some rows at a time.

        Raises:
            CheckpointError: as `read`.
        """
        self.check(name, shape)
        tensor = self._tensors[name]
        num_rows, columns = shape
        step = max(1, ROWS_BYTES // (4 * columns))
        for start in range(0, num_rows, step):
            stop = min(start + step, num_rows)
            values = tensor.read(start, stop)
            if self._on_read is not None:
                self._on_read(name, tensor.num_bytes // num_rows * (stop - start))
            yield values

    def _count_part(self, name: str, shape: tuple[int, ...]) -> None:
        if self._on_read is not None:
            self._on_read(name, self._tensors[name].num_bytes // shape[0])


def read_json(path: Path) -> JsonFields:
    """Read a JSON file of a checkpoint.

    Raises:
        CheckpointError: missing, unreadable, too large or no JSON object.
    """
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise CheckpointError(f"{path}: expected at most {MAX_JSON_BYTES} bytes of JSON")
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror}); name the folder of a Hugging Face"
            " checkpoint"
        ) from error
    return JsonFields.parse(data, str(path), CheckpointError)


def _open_shards(path: Path) -> dict[str, StoredTensor]:
    places = read_json(path / INDEX_FILE).nested("weight_map")
    shards: dict[str, dict[str, StoredTensor]] = {}
    tensors: dict[str, StoredTensor] = {}
    for name in places.names():
        shard = places.text(name, 1000)
        if not is_plain_name(shard):
            raise places.error(name, "a file in the checkpoint's folder", shard)
        if shard not in shards:
            shards[shard] = open_safetensors(path / shard)
        if name not in shards[shard]:
            raise CheckpointError(
                f"{path / shard}: expected the tensor {name} as {INDEX_FILE} says"
            )
        tensors[name] = shards[shard][name]
    return tensors
