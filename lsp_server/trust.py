"""Folders that the user trusts: programs and configuration from inside may run there.

A client may say so for a session (`initializationOptions.trusted`); `mixline trust DIR` says it for
good, in a list in the user's state folder. Links are resolved, and what lies below a trusted folder
is trusted with it.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from inference import MixlineError
from lsp_server.context.admission import resolved
from lsp_server.state_folder import locked, make_private, state_folder

_log = logging.getLogger(__name__)
_NAME: Final = "trusted.json"
_NEW: Final = ".new"
_DAMAGED: Final = ".damaged"
_MAX_BYTES: Final = 1 << 20


class TrustError(MixlineError):
    """The list of trusted folders cannot be read or written."""


class DamagedTrustError(TrustError):
    """The list is none; the next change sets it aside."""


class TrustList:
    """The list; each question looks at the file, so that servers that run follow it."""

    def __init__(self, folder: Path | None = None) -> None:
        """Use the list of a state folder, the user's unless one is given."""
        self._folder = folder

    def folders(self) -> tuple[Path, ...]:
        """Return the trusted folders.

        Raises:
            TrustError: there is a list, but it cannot be read.
        """
        path = self._path()
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise TrustError(f"expected a readable list, got {path}: {error.strerror}") from error
        try:
            listed = json.loads(data)
        except (ValueError, RecursionError):
            listed = None
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise DamagedTrustError(
                f"expected a JSON list of folders in {path}, found something else"
            )
        return tuple(Path(item) for item in listed)

    def trusts(self, folder: Path) -> bool:
        """Tell whether a folder, or one above it, is in the list; never if it cannot be read."""
        try:
            return any(resolved(folder).is_relative_to(known) for known in self.folders())
        except MixlineError:
            return False

    def add(self, folder: Path) -> None:
        """Trust a folder.

        Raises:
            TrustError: the list cannot be read or written.
        """
        with self._alone():
            self._write({*self._known(), resolved(folder)})

    def remove(self, folder: Path) -> bool:
        """Trust a folder no longer; returns whether it was in the list.

        Raises:
            TrustError: the list cannot be read or written.
        """
        with self._alone():
            known = set(self._known())
            if resolved(folder) not in known:
                return False
            self._write(known - {resolved(folder)})
            return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others from changing the list between our reading and our writing."""
        folder = self._path().parent
        try:
            make_private(folder)
            with locked(folder, fcntl.LOCK_EX):
                yield
        except OSError as error:
            raise TrustError(f"expected to write {self._path()}, got: {error.strerror}") from error

    def _known(self) -> tuple[Path, ...]:
        """Return the folders; a list that is damaged is set aside, and nothing is trusted."""
        try:
            return self.folders()
        except DamagedTrustError as error:
            aside = self._path().with_name(_NAME + _DAMAGED)
            self._path().replace(aside)
            _log.warning("%s; it is now %s, and no folder of it is trusted", error, aside.name)
            return ()

    def _path(self) -> Path:
        return (self._folder or state_folder()) / _NAME

    def _write(self, folders: Iterable[Path]) -> None:
        path = self._path()
        text = json.dumps(sorted(map(str, folders)), indent=1, ensure_ascii=False)
        # One name for whoever was killed between the two: locked out, nobody else uses it.
        made = path.with_name(_NAME + _NEW)
        made.unlink(missing_ok=True)
        # Only its user may read or write it; a reader sees the old or the new.
        handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
