"""What an interrupted export had finished, so that the next run goes on there.

Beside the directory OUT that is to be made stands `.OUT.partial`: the journal, a lock, and the
directory as far as it is. A line of the journal names a tensor that stands in `weights.bin` as a
whole and the SHA-256 of the file up to its end, so that nothing is taken over that a crash of the
machine may have damaged.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TextIO

from inference.json_fields import JsonFields
from onnx_export.errors import CheckpointError, ExportError
from onnx_export.progress import ReadCounter
from onnx_export.write import refuse_existing, write_error

_JOURNAL: Final = "journal.jsonl"
_LOCK: Final = "lock"
_MODEL: Final = "model"
_DIGITS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """A tensor that is in the file."""

    name: str
    end: int  # of its bytes in the file
    sha256: str  # of the file up to there
    read: int  # bytes of the checkpoint that had been read by then


class Journal:
    """The finished tensors of one export, in the order of the file."""

    def __init__(self, path: Path, key: str, counter: ReadCounter) -> None:
        """Read what is there; of another key it does not count.

        Args:
            path: of the journal.
            key: says what is exported, and how.
            counter: of the export.
        """
        self._path = path
        self._key = key
        self._counter = counter
        self._known = _read(path, key)
        self._adopted: list[JournalEntry] = []
        self._file: TextIO | None = None

    def next(self) -> JournalEntry | None:
        """Return the next tensor that an earlier run had finished."""
        return self._known[0] if self._known else None

    def adopt(self) -> None:
        """Take over the tensor that `next` names."""
        entry = self._known.pop(0)
        self._adopted.append(entry)
        self._counter.jump(entry.read, entry.name)

    def drop(self) -> None:
        """Forget what was not taken over."""
        self._known.clear()

    def append(self, name: str, end: int, sha256: str) -> None:
        """Add a tensor whose bytes the system has.

        Raises:
            OSError: the journal cannot be written.
        """
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8")
            self._file.write(json.dumps({"key": self._key}) + "\n")
            self._file.writelines(json.dumps(asdict(entry)) + "\n" for entry in self._adopted)
        entry = JournalEntry(name=name, end=end, sha256=sha256, read=self._counter.done)
        self._file.write(json.dumps(asdict(entry)) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


@contextmanager
def resumable_directory(
    out: Path, key: str, counter: ReadCounter
) -> Iterator[tuple[Path, Journal]]:
    """Give a folder that becomes ``out`` if the block succeeds, and the journal of its weights.

    A block that is interrupted, by Ctrl-C or by the end of the process, leaves both to the next
    run; after another error nothing is left.

    Raises:
        ExportError: ``out`` exists, cannot be made, is being made, or the disk is full.
    """
    refuse_existing(out)
    partial = partial_folder(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        (partial / _MODEL).mkdir(parents=True, exist_ok=True)
        lock = (partial / _LOCK).open("w")
    except OSError as error:
        raise write_error(out, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ExportError(
                f"{out}: expected no other export that writes it, found one; wait for it or name"
                " another folder"
            ) from error
        journal = Journal(partial / _JOURNAL, key, counter)
        try:
            yield partial / _MODEL, journal
            for file in (partial / _MODEL).iterdir():
                _flush(file)
            (partial / _MODEL).rename(out)
        except KeyboardInterrupt:
            raise
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise write_error(out, error) from error
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        finally:
            journal.close()
        shutil.rmtree(partial, ignore_errors=True)


def _flush(file: Path) -> None:
    """Wait until a file is on the disk, so that a power cut leaves no directory without data."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def partial_folder(out: Path) -> Path:
    """Return the folder where ``out`` is being made."""
    return out.parent / f".{out.name}.partial"


def partial_bytes(out: Path) -> int:
    """Return the space that an interrupted export of ``out`` takes already."""
    return sum(file.stat().st_size for file in (partial_folder(out) / _MODEL).glob("*"))


def _read(path: Path, key: str) -> list[JournalEntry]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    entries: list[JournalEntry] = []
    try:
        fields = [JsonFields.parse(line, str(path), CheckpointError) for line in lines[:1]]
        if not fields or fields[0].text("key", _DIGITS) != key:
            return []
        for line in lines[1:]:
            entry = JsonFields.parse(line, str(path), CheckpointError)
            entries.append(
                JournalEntry(
                    name=entry.text("name", 1000),
                    end=entry.integer("end", 0, 2**60),
                    sha256=entry.text("sha256", _DIGITS),
                    read=entry.integer("read", 0, 2**60),
                )
            )
    except CheckpointError:  # a line that was cut off: those before it count
        pass
    return entries
