"""Several windows, and what is left when they are gone."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.vscode.window import REST, SOURCE

pytestmark = pytest.mark.e2e


def parent_of(pid: int) -> int:
    """Return the process that started another."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_two_windows_have_a_server_each_and_leave_none(open_window: Callable[[], Any]) -> None:
    """Both complete; a closed window and a killed extension host take their servers along."""
    first, second = open_window(), open_window()
    server = first.server
    for window in (first, second):
        window.page.bring_to_front()
        window.open("one_of_two.py", SOURCE)
        window.type("l")
        assert window.wait_for("ghost text", window.ghost) == REST
    assert len(server.language_servers()) == 2

    second.close()
    first.wait_for("end of one server", lambda: len(server.language_servers()) == 1)
    (last,) = server.language_servers()
    os.kill(parent_of(last), signal.SIGKILL)
    first.wait_for("end of the killed one's", lambda: last not in server.language_servers())
    first.wait_for("end of the process", lambda: not Path(f"/proc/{last}").exists())
