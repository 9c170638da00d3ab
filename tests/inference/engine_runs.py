"""Runs of an engine that tests wait for, or hold in the middle."""

import threading
from collections.abc import Callable

import pytest

from inference import Completion, CompletionRequest, Engine, FinishReason, Generation

MakeRequest = Callable[..., CompletionRequest]
TIMEOUT_S = 60


def complete(engine: Engine, request: CompletionRequest) -> Completion:
    """Run one request to its end."""
    return engine.submit(request).future.result(TIMEOUT_S)


def what(completion: Completion) -> tuple[str, FinishReason | None, int]:
    """Return what does not depend on time or cache."""
    return completion.text, completion.finish_reason, completion.tokens


class Gate:
    """Stops the worker inside a generation, after its n-th report, until told to go on."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch, reports: int = 1) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()
        self._left = reports
        original = Generation.update

        def update(generation: Generation, completion: Completion) -> None:
            original(generation, completion)
            self._left -= 1
            if self._left == 0:
                self.reached.set()
                assert self.open.wait(TIMEOUT_S)

        assert engine.status().generations == 0
        monkeypatch.setattr(Generation, "update", update)
