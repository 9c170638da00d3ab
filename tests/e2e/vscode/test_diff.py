"""Diff views: what is compared is looked at, not completed."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.vscode.window import REST, SOURCE

pytestmark = pytest.mark.e2e

GIT = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.org")


@pytest.fixture(scope="module")
def shared_window(
    code_server: Any, new_window: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Open a window on a repository in which one file was changed."""
    workspace: Path = tmp_path_factory.mktemp("repository")
    file = workspace / "changed.py"
    file.write_text(SOURCE + "\n", encoding="utf-8")
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message=first")):
        subprocess.run([*GIT, *words], check=True, cwd=workspace)
    file.write_text(SOURCE, encoding="utf-8")
    window = new_window(code_server, workspace)
    window.wait_until_ready()
    return window


def test_changes_of_all_files_are_quiet(window: Any) -> None:
    """The editor that shows them one below the other: the same key brings ghost text elsewhere."""
    window.press("Control+Shift+g")
    group = window.page.locator(".scm-view .resource-group", has_text="Changes")
    group.hover()
    group.locator("a.action-label[aria-label*='Open Changes']").click()
    editor = window.page.locator(".editor-instance .modified .monaco-editor").first
    editor.click()
    window.press("Control+End")
    window.type("l")
    window.wait_for_text("raise Val")
    window.press("Alt+Backslash")
    ghost = window.page.locator("[class*='ghost-text-decoration']")
    window.stays("nothing", lambda: not ghost.count())

    window.open("beside.py", SOURCE)
    window.type("l")
    window.wait_for_ghost(REST)
