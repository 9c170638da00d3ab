"""Where Mixline keeps what outlives a session: `$XDG_STATE_HOME/mixline`, for its user alone."""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from inference import MixlineError

_PRIVATE: Final = 0o700
_WAIT_S: Final = 2.0  # for other processes, which hold the lock for milliseconds
_LOCK_INTERVAL_S: Final = 0.01


class StateFolderError(MixlineError):
    """There is no folder to keep anything in."""


def state_folder() -> Path:
    """Return the folder, which need not exist yet.

    XDG base directory specification: a relative `XDG_STATE_HOME` is ignored.

    Raises:
        StateFolderError: the user has no home.
    """
    named = os.environ.get("XDG_STATE_HOME", "")
    if named.startswith("/"):
        return Path(named) / "mixline"
    try:
        home = Path.home()
    except RuntimeError:
        home = Path()
    if not home.is_absolute():  # it would be one in the folder that somebody happens to be in
        raise StateFolderError("expected a home folder, found none; set HOME or XDG_STATE_HOME")
    return home / ".local" / "state" / "mixline"


def make_private(folder: Path) -> None:
    """Make the folder, with all above it, and let nobody else look into it.

    Raises:
        OSError: the folder cannot be made.
    """
    folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != _PRIVATE:
        folder.chmod(_PRIVATE)


@contextmanager
def locked(folder: Path, kind: int) -> Iterator[None]:
    """Hold a lock of the folder (`fcntl.LOCK_SH` or `LOCK_EX`), which ends with the process.

    Raises:
        OSError: the folder cannot be opened, or another process holds the lock for too long.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        end = time.monotonic() + _WAIT_S
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError(None, "another process holds its lock") from None
                time.sleep(_LOCK_INTERVAL_S)
        yield
    finally:
        os.close(descriptor)  # which also unlocks
