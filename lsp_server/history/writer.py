"""The thread that owns the history's file, so that no keystroke ever waits for a disk."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, TypeVar

from lsp_server.history.calibration import Calibrations, learn
from lsp_server.history.file import HistoryError, HistoryFile
from lsp_server.history.records import Judged, Record
from lsp_server.history.schema import write
from lsp_server.history.statistics import outcomes
from lsp_server.state_folder import StateFolderError, state_folder

_log = logging.getLogger(__name__)
BATCH_S: Final = 5.0  # how long facts are gathered before they are written
_CLOSE_WITHIN_S: Final = 1.0
_MOST_WAITING: Final = 10_000  # records; a disk that hangs must not eat the memory
_LEARN_EVERY: Final = 25  # verdicts
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What the file says about this user."""

    salt: bytes
    calibrations: Calibrations
    latest: int = 0  # identity of the suggestion shown last, if there is one


class Writer:
    """Takes records from the event loop and writes them in batches.

    Whatever fails is told once in the log, and told again only after it has worked meanwhile.

    Args:
        enabled: whether the user wants a history; asked again before anything is written.
        batch_s: how long records are gathered.
    """

    def __init__(self, enabled: Callable[[], bool], batch_s: float = BATCH_S) -> None:
        self._enabled = enabled
        self._batch_s = batch_s
        self._news = threading.Condition()
        self._waiting: list[Record] = []
        self._tasks: list[Callable[[], None]] = []
        self._closing = False
        self._thread: threading.Thread | None = None
        self._complained = False
        self._unlearned = 0
        self.learned: Learned | None = None  # None: nothing was read yet

    def start(self) -> None:
        """Begin to read what is known of the user."""
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._run, name="mixline-history", daemon=True)
            self._thread.start()

    def put(self, record: Record) -> None:
        """Write a record some seconds from now."""
        self.start()
        with self._news:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.append(record)
                self._news.notify()

    def ask(self, question: Callable[[HistoryFile], _Answer]) -> "Future[_Answer]":
        """Let the thread answer something when all that waits is written."""
        answer: Future[_Answer] = Future()

        def task() -> None:
            try:
                answer.set_result(question(HistoryFile(state_folder())))
            except Exception as error:  # noqa: BLE001 - it is the asker's
                answer.set_exception(error)

        self.start()
        with self._news:
            if self._closing:
                answer.set_exception(HistoryError("the server is closing"))
                return answer
            self._tasks.append(task)
            self._news.notify()
        return answer

    def close(self) -> None:
        """Write what is left, without waiting for long."""
        with self._news:
            self._closing = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join(_CLOSE_WITHIN_S)

    def _run(self) -> None:
        if self._enabled():
            self._write([])
        while True:
            with self._news:
                while not (self._waiting or self._tasks or self._closing):
                    self._news.wait()
                end = time.monotonic() + self._batch_s
                while not (self._tasks or self._closing) and (left := end - time.monotonic()) > 0:
                    self._news.wait(left)
                batch, self._waiting = self._waiting, []
                tasks, self._tasks = self._tasks, []
                closing = self._closing
            if batch and self._enabled():
                self._write(batch)
            for task in tasks:
                task()
            if closing:
                return

    def _write(self, batch: list[Record]) -> None:
        try:
            self._write_to(HistoryFile(state_folder()), batch)
        except (HistoryError, StateFolderError) as error:
            self._complain(str(error))
        except Exception as error:  # noqa: BLE001 - the editor must not notice
            self._complain(f"{type(error).__name__} while writing it")
        else:
            self._complained = False

    def _complain(self, why: str) -> None:
        if not self._complained:
            _log.warning("no history is kept: %s", why)
        self._complained = True

    def _write_to(self, file: HistoryFile, batch: list[Record]) -> None:
        known = self.learned
        if not batch and not file.exists():
            return
        salt = file.salt()
        if known is not None and known.salt != salt:
            # Deleted meanwhile: what was gathered before goes too.
            self.learned, self._unlearned, batch = None, 0, []
        self._unlearned += sum(isinstance(record, Judged) for record in batch)
        with file.open() as connection:
            if batch:
                write(connection, batch, salt)
            if self.learned is None or self._unlearned >= _LEARN_EVERY:
                calibrations = learn(outcomes(connection))
                latest = connection.execute("SELECT max(id) FROM suggestion").fetchone()[0]
                self.learned = Learned(salt=salt, calibrations=calibrations, latest=latest or 0)
                self._unlearned = 0
