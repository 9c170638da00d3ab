"""The server ends with its client, and knows what the client trusts."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Stands for an editor: starts the server with a stdin whose other end the test holds too, so that
# the pipe stays open when the editor dies, and says who it is.
EDITOR = """
import json, os, subprocess, sys, time
server = subprocess.Popen(json.loads(sys.argv[1]), stdin=subprocess.PIPE, pass_fds=[])
print(server.pid, flush=True)
params = {"processId": os.getpid(), "rootUri": None, "capabilities": {}}
body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
server.stdin.write(b"Content-Length: %d\\r\\n\\r\\n%b" % (len(body), body))
server.stdin.flush()
keeper = subprocess.Popen(["sleep", "300"], stdin=subprocess.DEVNULL, stdout=server.stdin)
print(keeper.pid, flush=True)
time.sleep(300)
"""


def exists(pid: int) -> bool:
    """Return whether a process runs; one that only waits to be reaped does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture
def editor(slow_model: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Return an editor and its server, which has answered `initialize`."""
    command = [sys.executable, "-P", "-m", "mixline", "serve", "--stdio"]
    process = subprocess.Popen(
        [sys.executable, "-c", EDITOR, json.dumps([*command, "--model", str(slow_model)])],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    server, keeper = (int(process.stdout.readline()) for _ in range(2))
    assert process.stdout.readline().startswith(b"Content-Length")  # the server's
    yield process, server
    for pid in (process.pid, server, keeper):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_killed_editor_takes_its_server_along(
    editor: tuple[subprocess.Popen[bytes], int],
) -> None:
    """Though another process keeps the server's stdin open, so that it never ends."""
    process, server = editor
    assert exists(server)
    process.kill()
    process.wait()
    end = time.monotonic() + 30
    while exists(server):
        assert time.monotonic() < end, "the server has outlived its editor"
        time.sleep(0.05)


@pytest.mark.parametrize("process_id", [2**31 - 1, -1])
def test_a_process_of_another_namespace_is_not_watched(
    servers: Any, slow_model: Path, process_id: int
) -> None:
    """A number that means nothing here does not end the server."""
    client = servers.stdio(slow_model)
    client.initialize(processId=process_id)

    assert client.status()["trusted"] is False
    client.shut_down()
    assert servers.processes[0].process.wait(30) == 0


def test_a_folder_is_trusted_only_if_the_client_says_so(servers: Any, slow_model: Path) -> None:
    """With `initialize`, and later; anything but true is no."""
    client = servers.stdio(slow_model)
    client.initialize(initializationOptions={"trusted": True})
    assert client.status()["trusted"] is True
    for said, trusted in ((False, False), (True, True), ("yes", False)):
        client.notify("mixline/didChangeTrust", {"trusted": said})
        assert client.status()["trusted"] is trusted


def test_settings_cannot_make_a_folder_trusted(servers: Any, slow_model: Path) -> None:
    """They may come from the folder itself."""
    client = servers.stdio(slow_model)
    client.configuration = {"trusted": True}
    client.initialize(
        capabilities={
            "textDocument": {"inlineCompletion": {}},
            "workspace": {"configuration": True},
        }
    )
    message = client.notification("window/showMessage")["params"]["message"]

    assert "trusted" in message
    assert client.status()["trusted"] is False
