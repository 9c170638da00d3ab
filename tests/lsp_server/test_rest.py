"""Memory goes back to the system while nobody asks for anything."""

import asyncio
import sys
from pathlib import Path

import pytest

from lsp_server.rest import Rest, give_back_memory

STAY_S = 0.01


async def test_each_stretch_of_messages_is_followed_by_one_rest() -> None:
    """However many messages came, and again behind the next ones."""
    loop = asyncio.get_running_loop()
    rested = asyncio.Event()
    times: list[int] = []

    def act() -> None:  # in another thread
        times.append(1)
        loop.call_soon_threadsafe(rested.set)

    rest = Rest(loop, act, STAY_S)
    for stretch in (1, 2):
        rested.clear()
        for _ in range(100):
            rest.stir()
        await rested.wait()
        await asyncio.sleep(5 * STAY_S)

        assert len(times) == stretch


async def test_a_client_that_has_left_does_not_rest() -> None:
    """Nothing happens once it was stopped."""
    times: list[int] = []
    rest = Rest(asyncio.get_running_loop(), lambda: times.append(1), STAY_S)
    rest.stir()
    rest.stop()
    await asyncio.sleep(5 * STAY_S)

    assert times == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory is held")
def test_freed_memory_goes_back() -> None:
    """Small blocks between ones that stay: free() alone keeps their pages."""

    def anonymous_kib() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("RssAnon")).split()[1])

    blocks = [bytearray(2000) for _ in range(40_000)]
    del blocks[:-1]  # the last one stands behind them all
    before = anonymous_kib()
    give_back_memory()

    assert anonymous_kib() < before - 20_000
