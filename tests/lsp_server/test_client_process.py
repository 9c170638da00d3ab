"""A process is watched by its descriptor, or where there is none by asking again and again."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lsp_server import client_process


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that ends when it is told to."""
    started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield started
    started.communicate(b"\n")


@pytest.mark.parametrize("has_descriptors", [True, False])
async def test_the_end_of_a_process_is_told_once(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, *, has_descriptors: bool
) -> None:
    """On kernels with and without descriptors of processes."""
    monkeypatch.setattr(client_process, "_POLL_S", 0.01)
    if not has_descriptors:
        monkeypatch.delattr(os, "pidfd_open")
    told = 0
    over = asyncio.Event()

    def ended() -> None:
        nonlocal told
        told += 1
        over.set()

    stop = client_process.watch_process(process.pid, ended, asyncio.get_running_loop())
    assert stop is not None
    await asyncio.sleep(0.05)
    assert told == 0
    process.kill()
    await asyncio.to_thread(process.wait)
    async with asyncio.timeout(30):
        await over.wait()
    stop()

    assert told == 1


async def test_a_watch_that_was_ended_tells_nothing(process: subprocess.Popen[bytes]) -> None:
    """Nor does ending it twice do harm."""
    told: list[int] = []
    stop = client_process.watch_process(
        process.pid, lambda: told.append(1), asyncio.get_running_loop()
    )
    assert stop is not None
    stop()
    stop()
    process.kill()
    await asyncio.to_thread(process.wait)
    await asyncio.sleep(0.05)

    assert told == []
