"""Where Mixline keeps what outlives a session: `$XDG_STATE_HOME/mixline`, for its user alone."""

import os
import stat
from pathlib import Path
from typing import Final

from inference import MixlineError

_PRIVATE: Final = 0o700


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
        return Path.home() / ".local" / "state" / "mixline"
    except RuntimeError as error:
        raise StateFolderError(
            "expected a home folder, found none; set HOME or XDG_STATE_HOME"
        ) from error


def make_private(folder: Path) -> None:
    """Make the folder, with all above it, and let nobody else look into it.

    Raises:
        OSError: the folder cannot be made.
    """
    folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != _PRIVATE:
        folder.chmod(_PRIVATE)
