"""Runs a checker's program: no shell, its own process group, bounded time and output."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NEUTRAL_FOLDER: Final = Path("/")
"""Where programs run: no workspace, and nothing that a program would take for configuration."""

_STDIN, _STDOUT = 0, 1
_MAX_OUTPUT_BYTES: Final = 16 << 20
_WAIT_FOR_END_S: Final = 1.0
_BACKGROUND_NICENESS: Final = 10
# What a program may need to know of its user; everything else could change what it does.
_PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "XDG_CONFIG_HOME")
# Programs of the Node and Python worlds like to fetch what they miss. None may.
_NOTHING_FROM_OUTSIDE: Final = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "npm_config_offline": "true",
    "PIP_NO_INDEX": "1",
    "PYTHONSAFEPATH": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "NO_COLOR": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended."""

    status: int = -1
    output: bytes = b""  # of stdout
    problem: str = ""  # why the output is not all that it had to say; empty if it ended by itself


def environment(path: Sequence[Path]) -> dict[str, str]:
    """Return the variables that a checker sees.

    Args:
        path: folders that it may find other programs in.
    """
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, **_NOTHING_FROM_OUTSIDE, "PATH": os.pathsep.join(map(str, path))}


async def run_program(
    arguments: Sequence[str],
    stdin: bytes,
    *,
    variables: Mapping[str, str],
    limit_s: float,
    folder: Path = NEUTRAL_FOLDER,
    background: bool = False,
) -> Ended:
    """Run a program to its end, or end it, with all that it has started, at a limit.

    Cancelling does the same.

    Args:
        arguments: the program's absolute path and what it is told.
        stdin: what it reads.
        variables: all of its environment.
        limit_s: how long it may run.
        folder: its working directory.
        background: give it what others leave of the processor.
    """
    loop = asyncio.get_running_loop()
    try:
        transport, program = await loop.subprocess_exec(
            _Program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
            env=dict(variables),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Ended(problem=f"it could not be started ({type(error).__name__})")
    group = transport.get_pid()
    try:
        if background:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, group, _BACKGROUND_NICENESS)
        program.feed(transport, stdin)
        async with asyncio.timeout(limit_s):
            await program.over.wait()
    except TimeoutError:
        return Ended(problem=f"it ran longer than {limit_s:g} s")
    finally:
        end_group(group)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_FOR_END_S):
                await program.exited.wait()
        program.let_go()
    if program.flooded:
        return Ended(problem=f"it printed more than {_MAX_OUTPUT_BYTES >> 20} MiB")
    status = transport.get_returncode()
    if status is None or status < 0:
        return Ended(problem=f"it was ended by signal {-(status or 0)}")
    return Ended(status=status, output=bytes(program.output))


def end_group(group: int) -> None:
    """End a program and all that it has started."""
    with contextlib.suppress(OSError):  # it is gone
        os.killpg(group, signal.SIGKILL)


class WatchedProgram(asyncio.SubprocessProtocol):
    """A program whose transport is closed no sooner than asyncio has seen it end.

    `SubprocessTransport.close` looks whether the program has ended, and may so take its status
    away from asyncio's own watcher, which then warns of an "unknown child process".
    """

    def __init__(self) -> None:
        """Wait for the program's start."""
        self._transport: asyncio.SubprocessTransport | None = None
        self._is_let_go = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is to be closed."""
        if isinstance(transport, asyncio.SubprocessTransport):
            self._transport = transport

    def let_go(self) -> None:
        """Hear and say nothing more; the program has ended, or was told to."""
        transport = self._transport
        if transport is None or transport.get_returncode() is not None:
            self._close()
            return
        self._is_let_go = True
        for descriptor in (_STDIN, _STDOUT):
            if (pipe := transport.get_pipe_transport(descriptor)) is not None:
                pipe.close()

    def process_exited(self) -> None:
        """Close what was let go before."""
        if self._is_let_go:
            self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Program(WatchedProgram):
    """Collects what a program prints."""

    def __init__(self) -> None:
        super().__init__()
        self.output = bytearray()
        self.flooded = False
        self.over = asyncio.Event()  # nothing more is to be expected
        self.exited = asyncio.Event()
        self._is_silent = False

    def feed(self, transport: asyncio.SubprocessTransport, data: bytes) -> None:
        stdin = transport.get_pipe_transport(_STDIN)
        if isinstance(stdin, asyncio.WriteTransport):
            stdin.write(data)
            stdin.write_eof()

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        if fd != _STDOUT or self.flooded or isinstance(data, str):
            return
        self.output += data
        if len(self.output) > _MAX_OUTPUT_BYTES:
            self.flooded = True
            self.output.clear()
            self.over.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        del exc
        if fd == _STDOUT:
            self._is_silent = True
            self._look_over()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()
        self._look_over()

    def _look_over(self) -> None:
        if self._is_silent and self.exited.is_set():
            self.over.set()
