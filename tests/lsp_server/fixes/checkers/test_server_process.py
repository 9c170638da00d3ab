"""A checker's server: what becomes of it when it is ended."""

import asyncio
import logging
import subprocess
from collections.abc import Iterator

import pytest

from lsp_server.fixes.checkers import process
from lsp_server.fixes.checkers.process import end_group, run_program
from lsp_server.fixes.checkers.server_process import ServerProcess
from tests.lsp_server.fixes.conftest import MakeProgram

LIMIT_S = 30.0


@pytest.fixture
def looked_early(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[list[int]]:
    """Processes whose end somebody else looked for than asyncio; the list stays empty."""
    looked: list[int] = []
    poll = subprocess.Popen.poll

    def watched(self: "subprocess.Popen[bytes]") -> int | None:
        if self.returncode is None:
            looked.append(self.pid)
        return poll(self)

    monkeypatch.setattr(subprocess.Popen, "poll", watched)
    with caplog.at_level(logging.WARNING, "asyncio"):
        yield looked
    assert not caplog.records


async def test_ending_a_server_leaves_its_status_to_asyncio(
    make_program: MakeProgram, looked_early: list[int]
) -> None:
    """Nobody is told of an "unknown child process"; the server can be started anew."""
    program = make_program("server", "sys.stdin.read()")
    server = ServerProcess([str(program)], {}, lambda _: None)
    for _ in range(3):
        async with server.turn(LIMIT_S) as started:
            assert started
        server.close()
        await server.wait_closed()

    assert looked_early == []


async def test_a_program_that_outlives_its_end_is_left_to_asyncio(
    make_program: MakeProgram, looked_early: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that the system takes long to end: nobody waits for it, and nothing is left of it."""
    groups: list[int] = []
    closed = asyncio.Event()

    class Program(process._Program):
        def _close(self) -> None:
            super()._close()
            closed.set()

    monkeypatch.setattr(process, "_Program", Program)
    monkeypatch.setattr(process, "end_group", groups.append)
    monkeypatch.setattr(process, "_WAIT_FOR_END_S", 0.01)
    program = make_program("slow", "sys.stdin.read(); time.sleep(1000)")
    ended = await run_program([str(program)], b"", variables={}, limit_s=0.01)
    (group,) = groups
    end_group(group)
    async with asyncio.timeout(LIMIT_S):
        await closed.wait()

    assert ended.problem
    assert looked_early == []
