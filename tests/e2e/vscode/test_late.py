"""Suggestions of a model that takes two seconds: VS Code stops waiting after 0.7."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.vscode.window import REST, SOURCE

pytestmark = pytest.mark.e2e

SLOW_SERVER = Path(__file__).parents[1] / "slow_server.py"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file in which the server tells what its model does."""
    file = tmp_path_factory.mktemp("slow") / "model.txt"
    file.touch()
    return file


@pytest.fixture(scope="module")
def shared_window(
    new_code_server: Callable[..., Any], new_window: Callable[..., Any], written: Path
) -> Any:
    """Open a window whose server is slow."""
    program = written.with_name("mixline")
    slow = f'#!/bin/sh\nexec "{sys.executable}" -P "{SLOW_SERVER}" "{written}"\n'
    program.write_text(slow, encoding="utf-8")
    program.chmod(0o755)
    server = new_code_server(
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
    window: Any, quick_suggestions: str, written: Path, ending: str
) -> None:
    """It appears when it is there, though the request for it was given up."""
    name = f"late-{quick_suggestions}.{ending}"
    window.open(name, SOURCE)
    window.type("l")

    def is_answered() -> bool:
        shown = window.ghost()
        ended = f"ended {name} " in written.read_text("utf-8")  # after what was shown
        assert ended or not shown
        return ended

    window.wait_for("answer", is_answered)
    window.wait_for("late ghost text", lambda: window.ghost().endswith(REST))


def test_a_late_answer_for_another_place_is_not_shown(
    window: Any, quick_suggestions: str, written: Path
) -> None:
    """Once the cursor has moved on, what was meant for the old place stays away."""
    name = f"moved-{quick_suggestions}.py"
    window.open(name, SOURCE)
    window.type("l")
    window.wait_for("question", lambda: f"begun {name} raise Val\n" in written.read_text("utf-8"))
    window.press("Control+Home")
    window.wait_for("answer", lambda: f"ended {name} raise Val\n" in written.read_text("utf-8"))

    window.stays("nothing", lambda: not window.ghost())
