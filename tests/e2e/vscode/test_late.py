"""Suggestions of a model that takes two seconds: VS Code stops waiting after 0.7."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
SOURCE = (HERE.parent / "handlers.txt").read_text("utf-8").removesuffix("\n")
REST = 'ueError(f"duplicate handler {name!r}")'


@pytest.fixture(scope="module")
def shared_window(
    start_code_server: Callable[..., Any],
    new_window: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """Open a window whose server is slow."""
    program = tmp_path_factory.mktemp("slow") / "mixline"
    slow = f'#!/bin/sh\nexec "{sys.executable}" -P "{HERE.parent / "slow_server.py"}"\n'
    program.write_text(slow, encoding="utf-8")
    program.chmod(0o755)
    server = start_code_server(
        "/usr/bin:/bin",
        "--disable-workspace-trust",
        settings={"mixline.server.command": str(program)},
    )
    window = new_window(server)
    window.wait_until_ready()
    return window


@pytest.fixture(params=["offWhenInlineCompletions", "on"])  # the first is VS Code's default
def quick_suggestions(window: Any, request: pytest.FixtureRequest) -> str:
    """Set in the workspace when VS Code opens its own list."""
    value: str = request.param
    window.configure({"editor.quickSuggestions": {"other": value}})
    return value


@pytest.mark.parametrize("ending", ["py", "txt"])  # .txt: with a list that opens meanwhile
def test_a_late_answer_is_shown_without_a_key(
    window: Any, quick_suggestions: str, ending: str
) -> None:
    """It appears when it is there, though the request for it was given up."""
    window.open(f"late-{quick_suggestions}.{ending}", SOURCE)
    window.page.wait_for_timeout(500)
    window.type("l")
    window.stays("nothing", lambda: not window.ghost(), 1.5)

    assert window.wait_for("late ghost text", window.ghost, 15).endswith(REST)


def test_a_late_answer_for_another_place_is_not_shown(window: Any, quick_suggestions: str) -> None:
    """Once the cursor has moved on, what was meant for the old place stays away."""
    window.open(f"moved-{quick_suggestions}.py", SOURCE)
    window.page.wait_for_timeout(500)
    window.type("l")
    window.page.wait_for_timeout(1000)
    window.press("Control+Home")

    window.stays("nothing", lambda: not window.ghost(), 4)
