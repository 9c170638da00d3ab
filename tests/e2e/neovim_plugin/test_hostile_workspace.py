"""A workspace that is out to run something, opened in Neovim: nothing of it runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lsp_server.test_hostile_workspace import MAIN, set_traps

pytestmark = [
    pytest.mark.e2e,
    # pynvim leaves its event loop and socket to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ASK = """
local asked = { textDocument = { uri = vim.uri_from_bufnr(0) },
  range = { start = { line = 5, character = 11 }, ['end'] = { line = 5, character = 14 } } }
asked.context = { diagnostics = { { range = asked.range, message = 'Undefined name `jsn`',
  code = 'F821', source = 'Ruff', severity = 1 } } }
local count = 0
local answers = vim.lsp.buf_request_sync(0, 'textDocument/codeAction', asked, 60000)
for _, answer in pairs(answers or {}) do
  for _, action in ipairs(answer.result or {}) do
    count = count + 1
    if not action.edit then
      vim.lsp.buf_request_sync(0, 'codeAction/resolve', action, 60000)
    end
  end
end
return count
"""


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    """Return the folder in which whatever runs leaves its name."""
    folder = tmp_path / "ran"
    folder.mkdir()
    return folder


@pytest.fixture
def workspace(tmp_path: Path, traps: Path) -> Path:
    """Return the hostile one, which Neovim takes for a project."""
    return set_traps(tmp_path / "work", traps)


def test_nothing_of_a_hostile_workspace_runs(
    open_editor: Callable[..., Any], traps: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened from inside of it, completed in, and asked for fixes."""
    monkeypatch.chdir(workspace)
    editor = open_editor(MAIN)
    editor.type("GA")
    editor.wait_for("insert mode", lambda: editor.nvim.api.get_mode()["mode"] == "i")
    editor.type("p")
    editor.wait_for(
        "a suggestion or a reason for none",
        lambda: editor.ask_server("mixline/status")["engine"]["generations"] > 0,
    )
    editor.wait_for("an entry of the menu", lambda: editor.lua(ASK))

    assert editor.ask_server("mixline/status")["trusted"] is False
    assert sorted(path.name for path in traps.iterdir()) == []
