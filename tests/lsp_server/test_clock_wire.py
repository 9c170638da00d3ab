"""A real server whose calendar somebody sets, by years and while it runs."""

import os
import shlex
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.lsp_server.test_history_wire import COLUMN, LINE, REST, patient, stats, suggest

SOURCE: Final = Path(__file__).with_name("jumping_clock.cc")
YEAR_S: Final = 365 * 86_400
SetClock = Callable[[int], None]

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="a clock is put under a program by Linux's LD_PRELOAD"
)


@pytest.fixture
def set_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Start what comes with a clock that is moved by seconds, now and whenever this is called."""
    library, moved = tmp_path / "clock.so", tmp_path / "clock"
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    subprocess.run([*compiler, "-shared", "-fPIC", "-o", library, SOURCE], check=True, timeout=120)

    def change(seconds: int) -> None:
        moved.touch()
        with moved.open("rb+") as file:  # the same file: it is mapped
            file.write(struct.pack("q", seconds))

    change(0)
    loaded = os.environ.get("LD_PRELOAD", "")
    monkeypatch.setenv("LD_PRELOAD", f"{loaded}:{library}" if loaded else str(library))
    monkeypatch.setenv("MIXLINE_TEST_CLOCK", str(moved))
    return change


def accept(client: Any, uri: str) -> None:
    """Be suggested something in a document of its own, take it, and see that it was counted."""
    before = client.result("mixline/stats", {})["total"]["accepted"]["whole"]
    command = suggest(client, uri)["command"]
    client.change(uri, LINE, COLUMN, COLUMN, REST)
    client.result("workspace/executeCommand", command)
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    after = client.result("mixline/stats", {})["total"]["accepted"]["whole"]
    assert after == before + 1


def test_a_clock_that_jumps_by_years(
    servers: Any, shipped_model: Path, tmp_path: Path, set_clock: SetClock
) -> None:
    """Ten years on, back to 1970, beyond 2038, a day back: ghost text comes, nothing is lost."""
    set_clock(-10 * YEAR_S)
    client = servers.stdio(shipped_model)
    client.initialize(**patient())
    client.wait_ready()
    accept(client, "file:///project/begun.py")
    jumps = [0, -int(time.time()), 80 * YEAR_S, -86_400]  # noqa: TID251 - it is what is set
    for number, seconds in enumerate(jumps):
        set_clock(seconds)
        accept(client, f"file:///project/{number}.py")
    client.shut_down()
    assert servers.processes[0].process.wait(60) == 0
    assert "Traceback" not in servers.processes[0].stderr()

    # A server that never saw the clock stand elsewhere reads all of it, and goes on.
    set_clock(0)
    again = servers.stdio(shipped_model)
    again.initialize(**patient())
    again.wait_ready()
    accept(again, "file:///project/after.py")
    found = stats(tmp_path / "state")

    assert found["total"]["accepted"]["whole"] == len(jumps) + 2
    now = time.gmtime().tm_year
    assert int(found["since"][:4]) in {now - 10, now - 11}
    assert not list((tmp_path / "state").rglob("*damaged*"))
