"""The typist's time."""

import time

from evaluation.keystrokes.clock import Clock


async def busy_for(seconds: float, pause: float, *, skip_idle: bool) -> tuple[float, float]:
    """Rest for `pause` beside work of some seconds; return typist's and real seconds."""
    clock = Clock(skip_idle=skip_idle)
    began, began_real = clock.now(), time.perf_counter()

    async def idle() -> bool:
        return time.perf_counter() - began_real > seconds

    await clock.rest(pause, idle)
    return clock.now() - began, time.perf_counter() - began_real


async def test_an_idle_pause_is_left_out() -> None:
    """The typist has rested for all of it, and really for a part; never below a burst's gap."""
    rested, real = await busy_for(0.0, 2.0, skip_idle=True)

    assert rested >= 2.0
    assert 0.065 <= real < 1.9


async def test_work_is_waited_for() -> None:
    """What is running goes on for as long as it would have."""
    rested, real = await busy_for(0.3, 2.0, skip_idle=True)

    assert rested >= 2.0
    assert real >= 0.3


async def test_real_time_leaves_nothing_out() -> None:
    """Idle or not."""
    rested, real = await busy_for(0.0, 0.2, skip_idle=False)

    assert min(rested, real) >= 0.2
