"""The history's file: who may open it, its salt, and how it is set aside or deleted.

A connection lasts as long as one batch. For so long the folder carries a shared lock; whoever wants
to delete the file or to set it aside asks for the exclusive one, so no server is left writing to a
file that has no name any more.
"""

import fcntl
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from inference import MixlineError
from lsp_server.history.schema import PAGE_BYTES, NewerHistoryError, prepare
from lsp_server.state_folder import locked, make_private

NAME: Final = "history.sqlite"
_SALT_NAME: Final = "history.salt"
_DAMAGED: Final = ".damaged"
_BESIDE: Final = ("-wal", "-shm", "-journal")
_SALT_BYTES: Final = 32
_PRIVATE: Final = 0o600
_AGAIN_S: Final = 0.01
_WAIT_S: Final = 2.0  # for other servers, whose transactions take milliseconds
# With the log of a batch and its index beside it the whole stays under 20 MB.
MAX_PAGES: Final = 15_000_000 // PAGE_BYTES
_WAL_PAGES: Final = 100
_BROKEN: Final = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH}
)


class HistoryError(MixlineError):
    """The history cannot be read or written."""


class HistoryFile:
    """One file that several servers share.

    Args:
        folder: made when it is first needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one batch, making it where there is none.

        Raises:
            HistoryError: it cannot be opened, or what was done with it failed; a file that turned
                out to be damaged is set aside first.
        """
        try:
            make_private(self.folder)
            with locked(self.folder, fcntl.LOCK_SH):
                self._make_private_file()
                with closing(self._connect()) as connection:
                    yield connection
        except NewerHistoryError as error:
            raise HistoryError(f"{self.path} is of a later Mixline: {error}") from error
        except sqlite3.Error as error:
            raise self._failed(error) from error
        except OSError as error:
            raise HistoryError(
                f"expected to write {self.path}, {error.strerror or 'which failed'}"
            ) from error

    def exists(self) -> bool:
        """Tell whether anything was written yet."""
        return self.path.exists()

    def salt(self) -> bytes:
        """Return this installation's secret, made at its first use.

        Raises:
            HistoryError: it cannot be made.
        """
        path = self.folder / _SALT_NAME
        try:
            make_private(self.folder)
            with suppress(FileNotFoundError):
                if len(salt := _start_of(path)) == _SALT_BYTES:
                    return salt
            # A link appears at once and whole, and only one of several servers makes it.
            made = self.folder / f"{_SALT_NAME}.{os.getpid()}.{secrets.token_hex(4)}"
            with os.fdopen(
                os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "wb"
            ) as f:
                f.write(secrets.token_bytes(_SALT_BYTES))
            try:
                if path.exists():
                    made.replace(path)  # of another length: not one of ours
                else:
                    with suppress(FileExistsError):
                        path.hardlink_to(made)
            finally:
                made.unlink(missing_ok=True)
            return _start_of(path)
        except OSError as error:
            raise HistoryError(
                f"expected to write {path}, {error.strerror or 'which failed'}"
            ) from error

    def delete(self) -> int:
        """Remove everything, also what was set aside; return how many files that were.

        Raises:
            HistoryError: something is in the way.
        """
        if not self.folder.is_dir():
            return 0
        names = [NAME, *(NAME + end for end in _BESIDE), NAME + _DAMAGED, _SALT_NAME]
        removed = 0
        try:
            with locked(self.folder, fcntl.LOCK_EX):
                for name in names:
                    with suppress(FileNotFoundError):
                        (self.folder / name).unlink()
                        removed += 1
        except OSError as error:
            raise HistoryError(
                f"expected to delete the history in {self.folder}: {error.strerror}"
            ) from error
        return removed

    def _failed(self, error: sqlite3.Error) -> HistoryError:
        # Without a code it is Python's own complaint, about the values: the file is not at fault.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
        if code not in _BROKEN:
            return HistoryError(f"expected to use {self.path}, SQLite says: {error}")
        aside = self.path.with_name(NAME + _DAMAGED)
        try:
            with locked(self.folder, fcntl.LOCK_EX):
                self.path.replace(aside)
                for end in _BESIDE:
                    self.path.with_name(NAME + end).unlink(missing_ok=True)
        except OSError as problem:
            return HistoryError(f"{self.path} is damaged and stays there: {problem.strerror}")
        return HistoryError(f"{self.path} was damaged ({error}); it is now {aside.name}")

    def _make_private_file(self) -> None:
        # Before SQLite opens it, which would leave the rights to the umask.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        with os.fdopen(os.open(self.path, flags, _PRIVATE), "rb") as file:
            os.fchmod(file.fileno(), _PRIVATE)

    def _connect(self) -> sqlite3.Connection:
        end = time.monotonic() + _WAIT_S
        while True:
            connection = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None)
            try:
                prepare(connection, max_pages=MAX_PAGES, wal_pages=_WAL_PAGES)
            except BaseException as error:
                connection.close()
                # Two that begin a file at once are not made to wait: SQLite refuses one of them.
                code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
                if code != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
                time.sleep(_AGAIN_S)
            else:
                return connection


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_SALT_BYTES + 1)
