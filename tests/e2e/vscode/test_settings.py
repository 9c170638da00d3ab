"""Settings as people write them: of the wrong kind, and a workspace's before the user's."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.vscode.window import REST, SOURCE

pytestmark = pytest.mark.e2e


@pytest.fixture
def configured(window: Any) -> Iterator[Any]:
    """Return the window, whose settings go with the test."""
    yield window
    window.configure({})


def test_values_of_the_wrong_kind_stop_nothing(configured: Any) -> None:
    """A list and a switch in the settings file are something else: ghost text comes."""
    configured.configure({"mixline.disabledLanguages": 5, "mixline.enable": None})
    configured.open("wrong_kind.py", SOURCE)
    configured.type("l")

    configured.wait_for_ghost(REST)
    assert "is ready" in configured.status()


def test_a_choice_is_written_where_the_one_in_force_was(configured: Any) -> None:
    """An effort that the workspace sets would hide one that is chosen for the user."""
    configured.configure({"mixline.effort": "0.5"})
    configured.answer("Mixline: Choose Speed or Quality…", "Three quarters")
    file = configured.workspace / ".vscode" / "settings.json"

    configured.wait_for("choice in the file", lambda: '"0.75"' in file.read_text("utf-8"))
    assert json.loads(file.read_text("utf-8"))["mixline.effort"] == "0.75"


def test_what_a_command_cannot_do_is_said_in_our_name(configured: Any) -> None:
    """Settings that VS Code cannot write to, for they are no JSON."""
    configured.configure({"mixline.effort": "0.5"})
    file = configured.workspace / ".vscode" / "settings.json"
    file.write_text(file.read_text("utf-8").replace("}", ", ]"), encoding="utf-8")
    configured.answer("Mixline: Choose Speed or Quality…", "All experts")

    told = configured.page.locator(".notification-toast", has_text="Mixline: Unable to write")
    told.wait_for()
    configured.run("Notifications: Clear All Notifications")
    told.wait_for(state="hidden")
