"""Docstrings in a real VS Code: written from the menu and by command, as a snippet, and mended."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.documented import BARE, GOOGLE, LEFT_BEHIND, MEND, MENDED, WRITE, check_documented

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def shared_window(open_window: Callable[[], Any]) -> Any:
    """Open a window on a workspace in Google's style."""
    window = open_window()
    (window.workspace / "pyproject.toml").write_text(GOOGLE, encoding="utf-8")
    return window


def choose(window: Any, title: str) -> None:
    """Choose an action from VS Code's menu at the cursor, once it is there."""
    row = window.page.locator(".action-widget .monaco-list-row", has_text=title)

    def is_offered() -> bool:
        window.press("Escape", "Control+.")
        with contextlib.suppress(AssertionError):
            window.wait_for("the row", row.count, 2)
        return bool(row.count())

    window.wait_for(f"{title!r} in the menu", is_offered)
    row.click()
    row.wait_for(state="hidden")


def saved_whole(window: Any, part: str) -> str:
    """Wait until the editor shows a part of the text; save, and return all of it."""
    window.page.locator(".editor-instance .view-lines", has_text=part).wait_for()
    window.saved()
    return str(window.file.read_text("utf-8"))


def test_a_docstring_is_written_from_the_menu(window: Any) -> None:
    """In the style of the workspace, with everything described and the code untouched."""
    window.open("menu.py", BARE)
    window.press("Control+Home")
    choose(window, WRITE)

    check_documented(saved_whole(window, "Raises:"))


def test_a_docstring_is_written_by_command(window: Any) -> None:
    """Wherever in the function the cursor stands."""
    window.open("command.py", BARE)
    window.press("ArrowUp")
    window.run("Mixline: Write a Docstring")

    check_documented(saved_whole(window, "Raises:"))


def test_the_command_says_what_it_expected(window: Any) -> None:
    """Outside of any definition, in the server's words."""
    window.open("nothing.py", "x = 1\n")
    window.run("Mixline: Write a Docstring")
    told = window.page.locator(".notification-toast", has_text="expected a function or class")
    told.wait_for()
    window.run("Notifications: Clear All Notifications")
    told.wait_for(state="hidden")


@pytest.mark.parametrize("how", ["menu", "command"])
def test_placeholders_are_gone_through_with_tab(window: Any, how: str) -> None:
    """What the model is not sure of is selected, replaced by typing, and left by Tab."""
    window.configure({"mixline.docstringUnsure": "placeholder"})
    window.open(f"snippet_{how}.py", BARE)
    window.press("Control+Home")
    if how == "menu":
        choose(window, WRITE)
    else:
        window.run("Mixline: Write a Docstring")
    window.page.locator(".editor-instance .view-lines", has_text="Raises:").wait_for()
    window.page.locator(".editor-instance .snippet-placeholder").first.wait_for()
    window.type("First.")
    window.press("Tab")
    window.type("second.")
    text = saved_whole(window, "second.")
    window.configure({})

    check_documented(text)
    first, second = text.index("First."), text.index("second.")
    assert first < second
    assert text[text.rindex("\n", 0, second) :].strip().startswith("value: second.\n")


def test_what_was_left_behind_is_a_hint_with_a_fix(window: Any) -> None:
    """A parameter that is gone is marked; the fix changes its name and nothing else."""
    window.open("stale.py", LEFT_BEHIND)
    window.press("Control+Home", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")
    window.page.locator(".editor-instance .squiggly-hint").first.wait_for()
    choose(window, MEND)

    assert saved_whole(window, "factor: by how much.") == MENDED
