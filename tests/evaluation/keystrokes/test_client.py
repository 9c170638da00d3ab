"""The editor's side of the wire, with a real server."""

import asyncio
import os
from pathlib import Path

import pytest
from lsprotocol import types

from evaluation.keystrokes.client import EditorClient
from inference import default_model

REQUESTS = 2000  # each a line of the server's log, together more than asyncio and a pipe hold


async def test_a_long_log_does_not_keep_the_server(tmp_path: Path) -> None:
    """Left unread, it would: the benchmark never ended."""
    uri = (tmp_path / "a.py").as_uri()
    client = EditorClient(default_model(), tmp_path, lambda *_: None)
    async with asyncio.timeout(120), client:
        client.open(uri, "x = foo(bar baz\n")  # words behind the cursor: answered at once
        answered = asyncio.Semaphore(0)
        for _ in range(REQUESTS):
            client.ask(
                uri,
                types.Position(0, 3),
                invoked=False,
                answered=lambda _: answered.release(),
            )
        for _ in range(REQUESTS):
            await answered.acquire()
        pid = client.pid

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
