"""Ghost text in a real Neovim: appears, is accepted, typed through, dismissed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.e2e,
    # pynvim leaves its event loop and socket to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# The last function repeats the others' shape, so that even a weak model and the match in the open
# file are sure of how the line goes on.
SOURCE = (Path(__file__).parent / "handlers.txt").read_text("utf-8").removesuffix("\n")


def test_ghost_text_appears_and_tab_accepts_it(open_editor: Callable[[str], Any]) -> None:
    """Typing the start of a line brings ghost text; Tab puts exactly that text into the buffer."""
    editor = open_editor(SOURCE)
    editor.type("GAl")
    ghost = editor.wait_for("ghost text", editor.ghost)
    before = editor.lines()[-1]
    editor.type("<Tab>")
    first = ghost.split("\n")[0]

    editor.wait_for("accepted text", lambda: before + first in editor.lines())
    assert first.startswith("ueError(")


def test_an_accept_is_counted(open_editor: Callable[[str], Any]) -> None:
    """Seen in the edit that Neovim makes of it, and confirmed by the command that it runs."""
    editor = open_editor(SOURCE)
    editor.type("GAl")
    editor.wait_for("ghost text", editor.ghost)
    editor.type("<Tab>")
    stats = editor.confirmed_accept()

    assert stats["accepted"] == {"whole": 1, "line": 0, "word": 0}
    assert stats["rejected"] == 0


def test_typing_along_keeps_the_ghost_text(open_editor: Callable[[str], Any]) -> None:
    """A typed character that agrees with the ghost text leaves the rest of it on screen."""
    editor = open_editor(SOURCE)
    editor.type("GAl")
    ghost = editor.wait_for("ghost text", editor.ghost)
    editor.type(ghost[:3])

    editor.wait_for("shorter ghost text", lambda: editor.ghost() == ghost[3:])


def test_disagreeing_text_removes_the_ghost_text(open_editor: Callable[[str], Any]) -> None:
    """A typed character that contradicts the ghost text makes it go."""
    editor = open_editor(SOURCE)
    editor.type("GAl")
    ghost = editor.wait_for("ghost text", editor.ghost)
    editor.type("#")

    editor.wait_for("other ghost text", lambda: editor.ghost() != ghost)


def test_a_verified_fix_is_applied(open_editor: Callable[[str], Any]) -> None:
    """Found while nobody asked, in the menu with its final title, applied from there."""
    editor = open_editor("def load(config):\n    return confg\n")
    editor.nvim.current.window.cursor = (2, 11)
    title = "Rename to `config` - verified by ruff"
    editor.wait_for("a verified fix", lambda: title in menu(editor))
    editor.lua(
        "vim.lsp.buf.code_action({\n"
        "  apply = true,\n"
        "  context = { only = { 'quickfix.mixline' }, diagnostics = {} },\n"
        f"  filter = function(action) return action.title == '{title}' end,\n"
        "})"
    )

    editor.wait_for("the fixed line", lambda: editor.lines()[1] == "    return config")


def menu(editor: Any) -> list[str]:
    """Return the titles of the code actions at the cursor."""
    return list(
        editor.lua(
            "local asked = vim.lsp.util.make_range_params(0, 'utf-16')\n"
            "asked.context = { diagnostics = {}, only = { 'quickfix' } }\n"
            "local titles = {}\n"
            "local answers = vim.lsp.buf_request_sync(0, 'textDocument/codeAction', asked, 60000)\n"
            "for _, answer in pairs(answers or {}) do\n"
            "  for _, action in ipairs(answer.result or {}) do\n"
            "    table.insert(titles, action.title)\n"
            "  end\n"
            "end\n"
            "return titles"
        )
    )
