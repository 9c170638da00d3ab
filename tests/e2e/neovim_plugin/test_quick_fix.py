"""A verified quick fix in Neovim, for what another language server, ruff's, has found."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruff import find_ruff_bin

pytestmark = [
    pytest.mark.e2e,
    # pynvim leaves its event loop and socket to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SOURCE = "def total(configuration):\n    return confguration.value + 1\n"
TITLE = "Rename to `configuration` - verified by ruff"


@pytest.fixture
def before_setup(monkeypatch: pytest.MonkeyPatch) -> str:
    """Start ruff's server for Python files."""
    folder = Path(find_ruff_bin()).parent
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return (
        "vim.api.nvim_create_autocmd('FileType', { pattern = 'python', callback = function(event)\n"
        "  vim.lsp.start({ name = 'ruff', cmd = { 'ruff', 'server' } }, { bufnr = event.buf })\n"
        "end })"
    )


def test_a_verified_fix_is_offered_and_applied(open_editor: Callable[..., Any]) -> None:
    """The menu names the checker that agreed; choosing the action edits the file."""
    editor = open_editor(SOURCE)
    editor.wait_for("diagnostic", lambda: editor.lua("return #vim.diagnostic.get(0) > 0"))
    editor.nvim.current.window.cursor = (2, 12)
    editor.choose(TITLE)
    editor.wait_for_last_line("    return configuration.value + 1")
