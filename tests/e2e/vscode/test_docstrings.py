"""Docstrings in a real VS Code: written from the menu and by command, as a snippet, and mended."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.documented import BARE, GOOGLE, LEFT_BEHIND, MEND, MENDED, WRITE, check_documented

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def shared_window(
    code_server: Any, new_window: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Open a window on a workspace in Google's style."""
    workspace = tmp_path_factory.mktemp("google")
    (workspace / "pyproject.toml").write_text(GOOGLE, encoding="utf-8")
    window = new_window(code_server, workspace)
    window.wait_until_ready()
    return window


@pytest.fixture
def placeholders(window: Any) -> Iterator[None]:
    """Let placeholders be left, and Tab be theirs: with ghost text it would accept that."""
    window.configure(
        {"mixline.docstringUnsure": "placeholder", "editor.inlineSuggest.enabled": False}
    )
    yield
    window.configure({})


def test_a_docstring_is_written_from_the_menu(window: Any) -> None:
    """In the style of the workspace, with everything described and the code untouched."""
    window.open("menu.py", BARE)
    window.press("Control+Home")
    window.choose(WRITE)

    check_documented(window.wait_for_saved(lambda text: "Raises:" in text))


def test_a_docstring_is_written_by_command(window: Any) -> None:
    """Wherever in the function the cursor stands."""
    window.open("command.py", BARE)
    window.press("ArrowUp")
    window.run("Mixline: Write a Docstring")

    check_documented(window.wait_for_saved(lambda text: "Raises:" in text))


def test_the_command_says_what_it_expected(window: Any) -> None:
    """Outside of any definition, in the server's words."""
    window.open("nothing.py", "x = 1\n")
    window.run("Mixline: Write a Docstring")
    told = window.page.locator(".notification-toast", has_text="expected a function or class")
    told.wait_for()
    window.run("Notifications: Clear All Notifications")
    told.wait_for(state="hidden")


@pytest.mark.usefixtures("placeholders")
@pytest.mark.parametrize("how", ["menu", "command"])
def test_placeholders_are_gone_through_with_tab(window: Any, how: str) -> None:
    """What the model is not sure of is selected, replaced by typing, and left by Tab."""
    window.open(f"snippet_{how}.py", BARE)
    window.press("Control+Home")
    if how == "menu":
        window.choose(WRITE)
    else:
        window.run("Mixline: Write a Docstring")
    window.wait_for_text("Raises:")
    window.page.locator(
        ".editor-instance .monaco-editor.focused .snippet-placeholder"
    ).first.wait_for()
    window.type("First.")
    window.press("Tab")
    window.type("second.")
    text = window.wait_for_saved(lambda text: "second." in text)

    check_documented(text)
    first, second = text.index("First."), text.index("second.")
    assert first < second
    assert text[text.rindex("\n", 0, second) :].strip().startswith("value: second.\n")


def test_what_was_left_behind_is_a_hint_with_a_fix(window: Any) -> None:
    """A parameter that is gone is marked; the fix changes its name and nothing else."""
    window.open("stale.py", LEFT_BEHIND)
    window.press("Control+Home", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")
    window.page.locator(".editor-instance .squiggly-hint").first.wait_for()
    window.choose(MEND)

    window.wait_for_saved(lambda text: text == MENDED)
