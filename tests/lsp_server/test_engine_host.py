"""EngineHost: loading in the background, told to watchers, closed at any time."""

import threading
from pathlib import Path
from typing import Any

from inference import Engine, ModelDirectoryError
from lsp_server.engine_host import EngineHost, EngineState, HostStatus, Progress

TIMEOUT_S = 60.0


def watched(host: EngineHost, last: EngineState) -> tuple[list[HostStatus], threading.Event]:
    seen: list[HostStatus] = []
    done = threading.Event()

    def watch(status: HostStatus) -> None:
        seen.append(status)
        if status.state is last:
            done.set()

    host.watch(watch)
    return seen, done


def test_loading_is_told_from_stage_to_stage(tiny_model: Path) -> None:
    """With a share that grows, until the engine is there."""
    host = EngineHost(lambda progress: Engine.open(tiny_model, on_progress=progress))
    assert host.status.state is EngineState.LOADING
    assert host.engine is None
    seen, done = watched(host, EngineState.READY)
    host.start()
    assert done.wait(TIMEOUT_S)
    shares = [status.share for status in seen]

    assert host.engine is not None
    assert shares == sorted(shares)
    assert len(shares) > 2
    host.close()


def test_a_failure_is_a_state_with_its_sentence() -> None:
    """Ours is passed on, another error is named and logged."""

    def ours(_: Progress) -> Any:
        raise ModelDirectoryError("expected a model, found none")

    def other(_: Progress) -> Any:
        raise ValueError("x")

    for opener, message in (
        (ours, "expected a model, found none"),
        (other, "the model could not be loaded (ValueError); see the log"),
    ):
        host = EngineHost(opener)
        _, done = watched(host, EngineState.FAILED)
        host.start()
        assert done.wait(TIMEOUT_S)

        assert host.status == HostStatus(state=EngineState.FAILED, message=message, share=0.0)
        assert host.engine is None
        assert host.close()


def test_an_engine_that_arrives_too_late_is_closed() -> None:
    """Closing while it loads leaves nothing behind."""
    may_open = threading.Event()
    closed = threading.Event()

    class Late:
        def close(self) -> None:
            closed.set()

    def opener(_: Progress) -> Any:
        may_open.wait(TIMEOUT_S)
        return Late()

    host = EngineHost(opener)
    host.start()
    assert not host.close()
    may_open.set()

    assert closed.wait(TIMEOUT_S)
    assert host.engine is None


def test_a_watcher_can_stop_watching() -> None:
    """Twice is no error."""
    host = EngineHost(lambda _: None)  # type: ignore[arg-type, return-value]
    seen: list[HostStatus] = []
    unwatch = host.watch(seen.append)
    unwatch()
    unwatch()
    _, done = watched(host, EngineState.READY)
    host.start()
    assert done.wait(TIMEOUT_S)

    assert seen == []
