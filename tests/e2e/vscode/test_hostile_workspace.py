"""A workspace that is out to run something, opened in VS Code: nothing of it runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.vscode.code_server import PATH_WITH_MIXLINE
from tests.e2e.vscode.test_quick_fixes import FAULTY, MENDED, TITLE
from tests.e2e.vscode.window import REST, SOURCE
from tests.lsp_server.test_hostile_workspace import set_traps

pytestmark = pytest.mark.e2e


def test_nothing_of_a_hostile_workspace_runs(
    new_code_server: Callable[..., Any], new_window: Callable[..., Any], tmp_path: Path
) -> None:
    """Not trusted, its settings name programs of its own: completed in and mended all the same."""
    traps = tmp_path / "ran"
    traps.mkdir()
    window = new_window(new_code_server(PATH_WITH_MIXLINE), set_traps(tmp_path / "work", traps))
    window.wait_until_ready()
    window.open("main.py", SOURCE)
    window.type("l")

    window.wait_for_ghost(REST)
    window.open("faulty.py", FAULTY)
    window.press("Control+Home")
    window.choose(TITLE)
    window.wait_for_saved(lambda text: text == MENDED)

    assert sorted(path.name for path in traps.iterdir()) == []
