"""Loads the engine in a thread of its own and tells whoever watches how far it is."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from inference import Completion, CompletionRequest, EngineStatus, MixlineError, ModelInfo

_log = logging.getLogger(__name__)
_WAIT_FOR_LOADER_S = 0.5


class GenerationHandle(Protocol):
    """What the server needs of `inference.Generation`."""

    @property
    def future(self) -> Future[Completion]:
        """Resolves with the whole completion, also when it was cancelled."""

    def cancel(self) -> None:
        """End the work within one token."""

    def snapshot(self) -> Completion:
        """Return what exists so far."""


class CompletionEngine(Protocol):
    """What the server needs of `inference.Engine`."""

    @property
    def info(self) -> ModelInfo:
        """What was loaded."""

    def submit(self, request: CompletionRequest) -> GenerationHandle:
        """Queue a generation."""

    def status(self) -> EngineStatus:
        """Tell what is going on."""

    def close(self) -> None:
        """Release the model."""


Progress = Callable[[str, float], None]
Opener = Callable[[Progress], CompletionEngine]


class EngineState(StrEnum):
    """How far loading is."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStatus:
    """One moment of loading."""

    state: EngineState
    message: str  # the stage of loading, or why it failed
    share: float  # 0..1 of loading


class EngineHost:
    """Owns the engine; it outlives the sessions of a TCP server.

    Args:
        opener: opens the engine, blocking, and calls back with (stage, share).
    """

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._lock = threading.Lock()
        self._watchers: list[Callable[[HostStatus], None]] = []
        self._status = HostStatus(state=EngineState.LOADING, message="starting", share=0.0)
        self._engine: CompletionEngine | None = None
        self._closed = False
        self._loader: threading.Thread | None = None

    @property
    def status(self) -> HostStatus:
        """How far loading is."""
        return self._status

    @property
    def engine(self) -> CompletionEngine | None:
        """The engine, once it is ready."""
        return self._engine

    def start(self) -> None:
        """Begin to load, without waiting for it."""
        self._loader = threading.Thread(target=self._load, name="mixline-load", daemon=True)
        self._loader.start()

    def watch(self, watcher: Callable[[HostStatus], None]) -> Callable[[], None]:
        """Call `watcher` (from the loading thread) at each change; returns how to stop that."""
        with self._lock:
            self._watchers.append(watcher)

        def unwatch() -> None:
            with self._lock:
                if watcher in self._watchers:
                    self._watchers.remove(watcher)

        return unwatch

    def close(self) -> bool:
        """Release the engine, also one that is still being loaded.

        Returns:
            Whether all threads have ended; loading cannot be interrupted, only waited for a little.
        """
        with self._lock:
            self._closed = True
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
        if self._loader is not None:
            self._loader.join(_WAIT_FOR_LOADER_S)
        return self._loader is None or not self._loader.is_alive()

    def _load(self) -> None:
        try:
            engine = self._opener(self._progress)
        except MixlineError as error:
            self._publish(HostStatus(state=EngineState.FAILED, message=str(error), share=0.0))
            return
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
            _log.error("loading the model failed", exc_info=True)
            message = f"the model could not be loaded ({type(error).__name__}); see the log"
            self._publish(HostStatus(state=EngineState.FAILED, message=message, share=0.0))
            return
        with self._lock:
            closed = self._closed
            if not closed:
                self._engine = engine
        if closed:
            engine.close()
            return
        self._publish(HostStatus(state=EngineState.READY, message="ready", share=1.0))

    def _progress(self, stage: str, share: float) -> None:
        self._publish(replace(self._status, message=stage, share=share))

    def _publish(self, status: HostStatus) -> None:
        with self._lock:
            self._status = status
            watchers = list(self._watchers)
        _log.info("model %s: %s (%.0f %%)", status.state, status.message, 100 * status.share)
        for watcher in watchers:
            watcher(status)
