"""Keeps the workspace's index true to the disk and to the open documents, in a thread of its own.

The thread sleeps until something has changed, and it steps back while the engine works or keys
come. A document that is open is taken as the client has it; the one that is worked in is searched
as it stands, by every request, and comes to the index when another one is looked at.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from inference import WorkspaceView
from lsp_server.context.admission import Admission, AdmissionRules, path_of_uri, resolved
from lsp_server.context.workspace_files import shared
from lsp_server.context.workspace_store import WorkspaceStore
from lsp_server.document import Document

_log = logging.getLogger(__name__)
_FIRST_SCAN_S: Final = 0.5  # after the start: by then the client has opened its documents
_QUIET_S: Final = 1.0  # a document rests for so long before it comes to the index
_LOOK_AGAIN_S: Final = 30.0  # between walks where the client does not tell what changes on disk
_SCAN_SHARE: Final = 50  # and at least so many times as long as the last walk took
_AFTER_KEY_S: Final = 0.25  # no work so soon behind a key
_STEP_BACK_S: Final = 0.02
_LONGEST_STEP_BACK_S: Final = 2.0  # then some work is done all the same
_IGNORE_FILES: Final = frozenset({".gitignore", "exclude"})


class _StoppedError(Exception):
    """The thread is to end."""


@dataclass(slots=True, kw_only=True)
class _Tasks:
    """What the thread has to do; times are those of the monotonic clock."""

    scan_at: float | None = None
    rules_changed: bool = False  # the scan asks again about every file
    changed_files: set[Path] = field(default_factory=set)
    documents_at: dict[str, float] = field(default_factory=dict)  # by key: when one is taken over

    def due_at(self) -> float | None:
        """Return when there is something to do, None for never."""
        times = [*self.documents_at.values()]
        if self.scan_at is not None:
            times.append(self.scan_at)
        if self.changed_files:
            times.append(0.0)
        return min(times, default=None)


class WorkspaceReader:
    """Owns the index. Its methods return at once; the event loop's thread calls them."""

    def __init__(self, is_busy: Callable[[], bool]) -> None:
        """Read nothing until `start`.

        Args:
            is_busy: whether the processor is needed for a suggestion; called in the thread.
        """
        self._is_busy = is_busy
        self._store = WorkspaceStore(self._pause)
        self._changed = threading.Condition()
        self._tasks = _Tasks()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._rules = AdmissionRules(())
        self._folders: tuple[Path, ...] = ()
        self._keys: dict[str, str | None] = {}  # of open documents, by URI; None: not a file
        self._open: dict[str, Document] = {}  # by key
        self._current: str | None = None  # key of the document that was looked at last
        self._last_key_s = 0.0
        self._client_watches = False
        self._indexed: dict[str, Document] = {}  # by key: the version that the index has
        self._scanned_s, self._scan_took_s = 0.0, 0.0

    def start(self) -> None:
        """Begin to read."""
        self._thread = threading.Thread(target=self._work, name="mixline-workspace", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the work, within a moment."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def set_rules(self, folders: Iterable[Path], secrets_extra: Iterable[str]) -> None:
        """Read these folders by these rules from now on."""
        with self._changed:
            self._folders = tuple(map(resolved, folders))
            self._rules = AdmissionRules(self._folders, tuple(secrets_extra))
            self._scan_soon()

    def client_watches(self) -> None:
        """Rely on the client to tell what changes on disk."""
        self._client_watches = True

    def open(self, document: Document) -> None:
        """Take a document's text instead of its file's."""
        path = path_of_uri(document.uri)
        key = None if path is None else str(resolved(path))
        with self._changed:
            self._keys[document.uri] = key
            self._take_over_later(document)

    def edit(self, document: Document) -> None:
        """Take a document's next version."""
        self._last_key_s = time.monotonic()
        with self._changed:
            self._take_over_later(document)

    def close(self, uri: str) -> None:
        """Take the file's text again."""
        with self._changed:
            key = self._keys.pop(uri, None)
            if key is None:
                return
            for known in (self._open, self._indexed, self._tasks.documents_at):
                known.pop(key, None)
            self._tasks.changed_files.add(Path(key))
            self._changed.notify()

    def look(self, uri: str) -> None:
        """Learn which document is worked in."""
        self._last_key_s = time.monotonic()
        key = self._keys.get(uri)
        if key == self._current:
            return
        with self._changed:
            left, self._current = self._current, key
            if left is not None and left in self._open:
                self._take_over_later(self._open[left])

    def files_changed(self, paths: Iterable[Path]) -> None:
        """Follow what the client has seen on disk: new, changed and deleted files and folders."""
        with self._changed:
            for path in paths:
                if path.name in _IGNORE_FILES:
                    self._scan_soon()
                self._tasks.changed_files.add(path)
            self._changed.notify()

    def file_saved(self, uri: str) -> None:
        """Follow a save: the client's text is known, but other files may have changed, too."""
        path = path_of_uri(uri)
        if path is not None and path.name in _IGNORE_FILES:
            with self._changed:
                self._scan_soon()
        elif not self._client_watches:
            now = time.monotonic()
            rest_s = max(_LOOK_AGAIN_S, _SCAN_SHARE * self._scan_took_s)
            with self._changed:
                if self._tasks.scan_at is None:
                    self._tasks.scan_at = max(now, self._scanned_s + rest_s)
                    self._changed.notify()

    def has(self, document: Document) -> bool:
        """Tell whether the index has this version of an open document."""
        key = self._keys.get(document.uri)
        return key is not None and key != self._current and self._indexed.get(key) is document

    def view(self, document: Document) -> WorkspaceView:
        """Return the index as a document sees it: without itself and without what `has` denies."""
        key = self._keys.get(document.uri)
        hidden = {k for k, other in self._open.items() if self._indexed.get(k) is not other}
        return self._store.index.view(
            hidden=hidden if key is None else hidden | {key},
            near=self._open,
            folder="" if key is None else key.rpartition("/")[0],
        )

    @property
    def num_files(self) -> int:
        """Files in the index."""
        return len(self._store.index.keys)

    @property
    def num_bytes(self) -> int:
        """Memory of the index."""
        return self._store.index.nbytes

    def _scan_soon(self) -> None:
        self._tasks.rules_changed = True
        self._tasks.scan_at = time.monotonic() + _FIRST_SCAN_S
        self._changed.notify()

    def _take_over_later(self, document: Document) -> None:
        key = self._keys.get(document.uri)
        if key is None:
            return
        self._open[key] = document
        if key == self._current:
            self._tasks.documents_at.pop(key, None)
        elif self._indexed.get(key) is not document:
            self._tasks.documents_at[key] = time.monotonic() + _QUIET_S
            self._changed.notify()

    def _pause(self) -> None:
        """Step back while there is something more urgent; the thread's own."""
        end = time.monotonic() + _LONGEST_STEP_BACK_S
        while (now := time.monotonic()) < end:
            if self._stopped:
                raise _StoppedError
            if now > self._last_key_s + _AFTER_KEY_S and not self._is_busy():
                return
            time.sleep(_STEP_BACK_S)

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            try:
                self._do(taken)
            except _StoppedError:
                return
            except Exception as error:  # noqa: BLE001 - ghost text goes on without the workspace
                _log.error("reading the workspace: %s", type(error).__name__)

    def _take(self) -> _Tasks | None:
        """Wait for something to do and return it, None at the end."""
        with self._changed:
            while not self._stopped:
                due_at, now = self._tasks.due_at(), time.monotonic()
                if due_at is not None and due_at <= now:
                    break
                self._changed.wait(None if due_at is None else due_at - now)
            if self._stopped:
                return None
            tasks, taken = self._tasks, _Tasks()
            if tasks.scan_at is not None and tasks.scan_at <= now:
                taken.scan_at, tasks.scan_at = tasks.scan_at, None
                taken.rules_changed, tasks.rules_changed = tasks.rules_changed, False
            taken.changed_files, tasks.changed_files = tasks.changed_files, set()
            for key, at in list(tasks.documents_at.items()):
                if at <= now:
                    taken.documents_at[key] = tasks.documents_at.pop(key)
            return taken

    def _do(self, tasks: _Tasks) -> None:
        for key in tasks.documents_at:
            self._take_over(key)
        if tasks.rules_changed:
            self._store.readmit(self._rules)
        if tasks.changed_files:
            self._store.follow(tasks.changed_files, self._rules, self._open)
        if tasks.scan_at is not None:
            began = time.monotonic()
            self._store.scan(self._folders, self._rules, self._open)
            self._scanned_s = time.monotonic()
            self._scan_took_s = self._scanned_s - began

    def _take_over(self, key: str) -> None:
        """Put an open document's text into the index."""
        document = self._open.get(key)
        if document is None:
            return
        if self._rules.admit_file(Path(key)).admission is Admission.WORKSPACE:
            self._store.put(key, shared(document.text(), self._pause))
        else:
            self._store.remove([key])
        with self._changed:
            if key in self._open:
                self._indexed[key] = document
