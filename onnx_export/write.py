"""Write a model directory: weights as a stream, everything else at the end, all or nothing."""

import errno
import hashlib
import math
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import numpy as np
import numpy.typing as npt

from inference.manifest import FileEntry
from onnx_export.errors import ExportError

WEIGHTS_NAME: Final = "weights.bin"
ALIGNMENT: Final = 64 * 1024  # of offsets: the allocation unit of file mappings on every system
_HASH_BYTES: Final = 2**20

AnyArray = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWeight:
    """An initialiser's data: bytes, or a place in `weights.bin`."""

    name: str
    dtype: "np.dtype[np.generic]"
    dims: tuple[int, ...]
    inline: bytes | None
    offset: int
    num_bytes: int


class Entry(Protocol):
    """A tensor that an earlier run had written."""

    @property
    def name(self) -> str:
        """Of the initialiser."""

    @property
    def end(self) -> int:
        """Of its bytes in the file."""

    @property
    def sha256(self) -> str:
        """Of the file up to there."""


class FinishedTensors(Protocol):
    """What an earlier run had written and what this one does: see `onnx_export.resume.Journal`."""

    def next(self) -> Entry | None:
        """Return the next tensor of the earlier run."""

    def adopt(self) -> None:
        """Take it over."""

    def drop(self) -> None:
        """Forget what was not taken over."""

    def append(self, name: str, end: int, sha256: str) -> None:
        """Add a tensor."""


class WeightFile:
    """`weights.bin`, written front to back; its SHA-256 is known when it is closed."""

    def __init__(self, path: Path, finished: FinishedTensors | None = None) -> None:
        """Begin a file, or go on with one whose tensors are ``finished`` in part.

        Raises:
            OSError: it cannot be written, or without ``finished`` it exists.
        """
        self._finished = finished
        if finished is None:
            self._file = path.open("x+b")
        else:
            path.touch()
            self._file = path.open("r+b")
        self._digest = hashlib.sha256()
        self._end = 0
        self._stored: dict[str, StoredWeight] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(
        self,
        name: str,
        dtype: "np.dtype[np.generic]",
        dims: tuple[int, ...],
        parts: Iterable[AnyArray],
        *,
        mapped: bool = False,
    ) -> StoredWeight:
        """Store one tensor, given in parts along its first axis; the same name is stored once.

        A tensor smaller than the alignment goes into the graph, unless it is to be ``mapped``.

        Raises:
            OSError: the disk is full, or another failure of writing.
        """
        if name in self._stored:
            return self._stored[name]
        num_bytes = math.prod(dims) * dtype.itemsize
        if num_bytes < ALIGNMENT and not mapped:
            data = b"".join(_bytes(part, dtype) for part in parts)
            stored = StoredWeight(
                name=name, dtype=dtype, dims=dims, inline=data, offset=0, num_bytes=len(data)
            )
        else:
            offset = self._end + -self._end % ALIGNMENT
            if not self._adopted(name, offset + num_bytes):
                self._append(bytes(offset - self._end))
                for part in parts:
                    self._append(_bytes(part, dtype))
                self._record(name)
            stored = StoredWeight(
                name=name,
                dtype=dtype,
                dims=dims,
                inline=None,
                offset=offset,
                num_bytes=self._end - offset,
            )
        if stored.num_bytes != num_bytes:
            raise AssertionError(f"{name} {dims}: {stored.num_bytes} bytes in parts")
        self._stored[name] = stored
        return stored

    def flush(self) -> None:
        """Let what was added be read from the file."""
        self._file.flush()

    def close(self) -> FileEntry:
        """Finish the file and return its size and digest."""
        self._file.truncate(self._end)
        self._file.close()
        return FileEntry(bytes=self._end, sha256=self._digest.hexdigest())

    def _adopted(self, name: str, end: int) -> bool:
        """Take over a tensor that an earlier run wrote, if the file holds it unharmed."""
        entry = self._finished.next() if self._finished else None
        if self._finished is None or entry is None:
            return False
        if (entry.name, entry.end) == (name, end):
            digest = self._digest.copy()
            self._file.seek(self._end)
            left = end - self._end
            while left and (data := self._file.read(min(left, _HASH_BYTES))):
                digest.update(data)
                left -= len(data)
            if digest.hexdigest() == entry.sha256:
                self._digest, self._end = digest, end
                self._finished.adopt()
                return True
        self._finished.drop()
        return False

    def _record(self, name: str) -> None:
        if self._finished is not None:
            self._file.flush()
            self._finished.append(name, self._end, self._digest.hexdigest())

    def _append(self, data: bytes) -> None:
        if self._file.tell() != self._end:  # behind what was taken over
            self._file.seek(self._end)
        self._file.write(data)
        self._digest.update(data)
        self._end += len(data)


@contextmanager
def new_directory(out: Path) -> Iterator[Path]:
    """Give a hidden folder beside ``out`` that becomes ``out`` if the block succeeds.

    Raises:
        ExportError: ``out`` exists, cannot be made, or the disk is full.
    """
    refuse_existing(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
    except OSError as error:
        raise write_error(out, error) from error
    try:
        yield partial
        partial.chmod(0o755)  # mkdtemp made it private
        partial.rename(out)
    except OSError as error:
        raise write_error(out, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def refuse_existing(out: Path) -> None:
    """Refuse to replace anything.

    Raises:
        ExportError: ``out`` exists, be it a dangling link.
    """
    if out.exists() or out.is_symlink():
        raise ExportError(
            f"{out}: expected no such file or folder, found one; remove it or name another one"
        )


def write_error(out: Path, error: OSError) -> ExportError:
    """Say what kept a model directory from being written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return ExportError(
            f"{out}: no space is left on the device ({error.strerror}); free some or name a folder"
            " on another one"
        )
    return ExportError(
        f"{out}: cannot be written ({error.strerror}); name a folder where you may write"
    )


def check_space(out: Path, needed_bytes: int) -> None:
    """Refuse to begin what cannot fit.

    Raises:
        ExportError: fewer than ``needed_bytes`` are free where ``out`` would stand.
    """
    folder = out.absolute()
    while not folder.is_dir():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise ExportError(
            f"{out}: expected {needed_bytes:,} bytes of free space, found {free:,}; free some or"
            " name a folder on another device"
        )


def file_entry(path: Path) -> FileEntry:
    """Return size and digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_HASH_BYTES):
            digest.update(data)
    return FileEntry(bytes=path.stat().st_size, sha256=digest.hexdigest())


def _bytes(part: AnyArray, dtype: "np.dtype[np.generic]") -> bytes:
    if part.dtype != dtype:
        raise AssertionError(f"expected {dtype}, got {part.dtype}")
    return np.ascontiguousarray(part).tobytes()
