"""What the plugin does when told to: docstrings written and mended, a stack trace explained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.documented import BARE, GOOGLE, LEFT_BEHIND, MEND, MENDED, WRITE, check_documented

pytestmark = [
    pytest.mark.e2e,
    # pynvim leaves its event loop and socket to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FAULTY = "def price(total):\n    return totl * 2\n"
FIX = "Rename to `total` - verified by ruff"
TRACE = """Traceback (most recent call last):
  File "{file}", line 2, in price
    return totl * 2
NameError: name 'totl' is not defined
"""

Open = Callable[..., Any]


@pytest.fixture
def workspace(workspace: Path) -> Path:
    """Let its docstrings be in Google's style."""
    with (workspace / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(GOOGLE)
    return workspace


def text_of(editor: Any) -> str:
    """Return what is in the buffer."""
    return "\n".join(editor.lines()) + "\n"


def test_a_docstring_is_written_from_the_menu(open_editor: Open) -> None:
    """In the style of the workspace, with everything described and the code untouched."""
    editor = open_editor(BARE)
    editor.choose(WRITE)

    check_documented(text_of(editor))


def test_a_docstring_is_written_by_command(open_editor: Open) -> None:
    """Wherever in the function the cursor stands."""
    editor = open_editor(BARE)
    editor.type("G")
    editor.nvim.command("Mixline docstring")
    editor.wait_for("docstring", lambda: "Raises:" in text_of(editor))

    check_documented(text_of(editor))


def test_what_was_left_behind_is_a_hint_with_a_fix(open_editor: Open) -> None:
    """A parameter that is gone is marked; the fix changes its name and nothing else."""
    editor = open_editor(LEFT_BEHIND)
    severities = "return vim.tbl_map(function(d) return d.severity end, vim.diagnostic.get(0))"
    hint = editor.lua("return vim.diagnostic.severity.HINT")
    editor.wait_for("hint", lambda: hint in editor.lua(severities))
    editor.choose(MEND)

    assert text_of(editor) == MENDED


@pytest.mark.parametrize("place", ["range", "register"])
def test_a_trace_is_explained_and_its_line_fixed(
    open_editor: Open, workspace: Path, place: str
) -> None:
    """The question says what failed; the fix that is chosen is made where the trace leads."""
    editor = open_editor(FAULTY)
    editor.lua(
        "vim.ui.select = function(choices, shown, done)\n"
        "  _G.prompt, _G.titles = shown.prompt, vim.tbl_map(shown.format_item, choices)\n"
        "  done(choices[#choices])\n"
        "end"
    )
    editor.nvim.command("new")
    trace = TRACE.replace("{file}", str(workspace / "sample.py"))
    editor.nvim.current.buffer[:] = trace.splitlines()
    if place == "range":
        editor.nvim.command("%Mixline explain")
    else:
        editor.nvim.command("%yank")
        editor.nvim.command("bwipeout!")
        editor.nvim.command("Mixline explain")

    editor.wait_for("fixed line", lambda: text_of(editor) == FAULTY.replace("totl", "total"))
    assert "NameError: name 'totl' is not defined" in editor.lua("return _G.prompt")
    assert editor.lua("return _G.titles") == ["Show the line", FIX]
    assert editor.nvim.current.window.cursor[0] == 2
    (item,) = editor.lua("return vim.fn.getqflist()")
    assert (item["lnum"], item["text"]) == (2, "price")


def test_what_is_no_trace_is_said(open_editor: Open) -> None:
    """With what was expected."""
    editor = open_editor(FAULTY)
    editor.nvim.command("%Mixline explain")

    editor.wait_for(
        "message", lambda: "expected a whole stack trace" in editor.nvim.command_output("messages")
    )
