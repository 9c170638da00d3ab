"""Several windows, and what is left when they are gone."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.vscode.code_server import is_running, parent_of
from tests.e2e.vscode.window import REST, SOURCE

pytestmark = pytest.mark.e2e


def test_two_windows_have_a_server_each_and_leave_none(open_window: Callable[[], Any]) -> None:
    """Both complete; a closed window and a killed extension host take their servers along."""
    first, second = open_window(), open_window()
    server = first.server
    first.wait_for("two servers", lambda: len(server.language_servers()) == 2)
    for window in (first, second):
        window.page.bring_to_front()
        window.open("one_of_two.py", SOURCE)
        window.type("l")
        window.wait_for_ghost(REST)

    second.close()
    first.wait_for("end of one server", lambda: len(server.language_servers()) == 1)
    (last,) = server.language_servers()
    os.kill(parent_of(last), signal.SIGKILL)
    first.wait_for("end of the killed one's", lambda: not is_running(last))
