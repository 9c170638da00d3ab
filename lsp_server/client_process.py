"""Watches the process that a client named in `initialize`, and tells when it has ended.

The end of stdin tells the same in most cases, but not where another process holds the other end of
the pipe too.
"""

import asyncio
import os
from collections.abc import Callable

_POLL_S = 2.0


def watch_process(
    pid: int, ended: Callable[[], None], loop: asyncio.AbstractEventLoop
) -> Callable[[], None] | None:
    """Call `ended` once, in the loop, when a process is over.

    Args:
        pid: as the client sees it. A client outside our container names a process that is none of
            ours to see; that one is not watched.
        ended: called in the loop's thread.
        loop: must be running.

    Returns:
        What ends the watch, or None where there is no such process.
    """
    if pid <= 0:
        return None
    try:
        return _watch_descriptor(pid, ended, loop)
    except (ProcessLookupError, OverflowError):
        return None
    except (OSError, AttributeError):  # not this kernel, not this system
        return _poll(pid, ended, loop) if _exists(pid) else None


def _watch_descriptor(
    pid: int, ended: Callable[[], None], loop: asyncio.AbstractEventLoop
) -> Callable[[], None]:
    # A descriptor is of the process, not of its number, which the system may give away again.
    descriptor = os.pidfd_open(pid)
    is_open = True

    def stop() -> None:
        nonlocal is_open
        if is_open:
            is_open = False
            loop.remove_reader(descriptor)
            os.close(descriptor)

    def over() -> None:
        stop()
        ended()

    loop.add_reader(descriptor, over)
    return stop


def _poll(
    pid: int, ended: Callable[[], None], loop: asyncio.AbstractEventLoop
) -> Callable[[], None]:
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal timer
        if _exists(pid):
            timer = loop.call_later(_POLL_S, look)
        else:
            ended()

    timer = loop.call_later(_POLL_S, look)

    def stop() -> None:
        timer.cancel()

    return stop


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
