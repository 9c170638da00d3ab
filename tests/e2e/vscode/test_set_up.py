"""The first set-up, from a .vsix in a fresh VS Code on a machine without `mixline`."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.vscode.window import REST, SOURCE

pytestmark = pytest.mark.e2e

DIALOGUE = ".monaco-dialog-box"
RESTRICTED = ".part.banner:has-text('Restricted Mode')"


@pytest.fixture(scope="module")
def bare(new_code_server: Callable[..., Any]) -> Any:
    """Start VS Code where `python3` is on PATH and `mixline` is not; trust has to be given."""
    folders = [
        folder
        for folder in ("/usr/local/bin", "/usr/bin", "/bin")
        if shutil.which("mixline", path=folder) is None
    ]
    return new_code_server(os.pathsep.join(folders))


def environments(server: Any) -> list[str]:
    """Return what the set-up has left in the extension's folder."""
    storage = server.folder / "data" / "User" / "globalStorage" / "mixline.mixline"
    return sorted(path.name for path in storage.glob("*-*"))


def test_declined_it_says_how_and_accepted_there_is_ghost_text(
    bare: Any, new_window: Callable[..., Any]
) -> None:
    """One window: not trusted, trusted, declined, not asked again, accepted, ghost text."""
    window = new_window(bare)
    try:
        _go_through(window)
    except BaseException:
        window.keep_evidence("set_up")
        raise


def _go_through(window: Any) -> None:
    page = window.page
    page.locator(RESTRICTED).wait_for()
    window.wait_for("state", lambda: "not set up" in window.status())
    window.stays("no dialogue", lambda: page.locator(DIALOGUE).count() == 0)

    page.locator(RESTRICTED).get_by_text("Manage").click()
    page.locator(".workspace-trust-editor").get_by_role("button", name="Trust", exact=True).click()
    dialogue = page.locator(DIALOGUE, has_text="Set up Mixline's server?")
    dialogue.wait_for()
    assert "fetches about 57 MB from the package index that your pip is set to" in (
        dialogue.inner_text()
    )
    dialogue.get_by_role("button", name="Install by Hand").click()
    page.locator(".tab", has_text="Installing Mixline by Hand").wait_for()
    text = page.locator(".editor-instance .view-lines").first
    window.wait_for("instructions", lambda: "uv\xa0tool\xa0install" in text.inner_text())
    assert environments(window.server) == []

    page.reload()
    window.wait_for("state", lambda: "not set up" in window.status())
    window.stays("no dialogue", lambda: page.locator(DIALOGUE).count() == 0)

    window.run("Mixline: Set Up the Server…")
    dialogue.get_by_role("button", name="Set It Up").click()
    window.wait_for("progress", lambda: "setting up its server" in window.status())
    page.locator(".notification-toast", has_text="setting up the server").wait_for()
    window.wait_until_ready()
    (made,) = environments(window.server)
    assert made.startswith("server-")
    window.open("first.py", SOURCE)
    window.type("l")

    assert window.wait_for("ghost text", window.ghost) == REST


def test_an_untrusted_workspace_is_completed_and_runs_nothing_of_its_own(
    bare: Any, new_window: Callable[..., Any], tmp_path: Path
) -> None:
    """A program that its settings name is not started; ghost text comes all the same."""
    (tmp_path / ".vscode").mkdir()
    program = tmp_path / "mixline"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n", encoding="utf-8")
    program.chmod(0o755)
    settings = f'{{"mixline.server.command": "{program}", "mixline.model": "{tmp_path}"}}'
    (tmp_path / ".vscode" / "settings.json").write_text(settings, encoding="utf-8")
    window = new_window(bare, tmp_path)
    window.page.locator(RESTRICTED).wait_for()
    window.wait_until_ready()
    window.open("untrusted.py", SOURCE)
    window.type("l")

    assert window.wait_for("ghost text", window.ghost) == REST
    assert not (tmp_path / "was-run").exists()
