"""Ghost text in a real VS Code: appears, is accepted in parts, typed through, dismissed."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.vscode.code_server import ROOT
from tests.e2e.vscode.window import REST, SOURCE, WHOLE

pytestmark = pytest.mark.e2e


def open_with_ghost(window: Any, name: str, **how: str) -> None:
    """Open the file, type the next letter and wait for the ghost text that is to come."""
    window.open(name, SOURCE, **how)
    window.type("l")
    window.wait_for_ghost(REST)


def test_tab_accepts_the_whole(window: Any) -> None:
    """Typing the start of a line brings ghost text; Tab puts exactly that text into the file."""
    open_with_ghost(window, "whole.py")
    window.press("Tab")

    window.wait_for_saved_line(WHOLE)


def test_picture_for_the_documentation(window: Any) -> None:
    """The demo's last line is completed; the picture shows it."""
    window.open("orders.py", (ROOT / "docs" / "demo" / "orders.py").read_text("utf-8").rstrip())
    window.press("Alt+Backslash")

    window.wait_for("ghost text", lambda: window.ghost().startswith(" for order in orders"))
    window.page.screenshot(path=ROOT / ".e2e" / "vscode.png")


def test_next_word_is_accepted(window: Any) -> None:
    """The command takes one word and leaves the rest standing."""
    open_with_ghost(window, "word.py")
    window.press("Control+ArrowRight")

    window.wait_for_ghost(REST.removeprefix("ueError"))
    window.wait_for_saved_line("            raise ValueError")


def test_next_line_is_accepted(window: Any) -> None:
    """Our key for a line takes the line."""
    open_with_ghost(window, "line.py")
    window.press("Control+Alt+ArrowRight")

    window.wait_for_saved_line(WHOLE)
    assert REST not in window.ghost()


def test_typing_along_keeps_the_ghost_text(window: Any) -> None:
    """Typed characters that agree with the ghost text leave the rest of it on screen."""
    open_with_ghost(window, "along.py")
    window.type(REST[:4])

    window.wait_for_ghost(REST[4:])


def test_escape_removes_it(window: Any) -> None:
    """Escape removes the ghost text, and it does not come back by itself."""
    open_with_ghost(window, "escape.py")
    window.press("Escape")

    window.wait_for("no ghost text", lambda: not window.ghost())
    window.stays("nothing", lambda: not window.ghost())
    window.wait_for_saved_line("            raise Val")


def test_the_list_of_completions_is_continued(window: Any) -> None:
    """While the list is open the ghost text goes on from its selected entry."""
    window.open("list.txt", SOURCE)
    window.press("Control+Space")
    selected = window.page.locator(".suggest-widget .monaco-list-row.focused")
    selected.filter(has_text="ValueError").wait_for()

    window.wait_for("ghost text behind the entry", lambda: window.ghost().endswith(REST[7:]))


def test_the_closing_bracket_is_absorbed(window: Any) -> None:
    """VS Code closes brackets by itself; accepting leaves one, not two."""
    window.open("bracket.py", SOURCE)
    window.type("lueError(")
    window.wait_for_ghost(REST.removeprefix("ueError(").removesuffix(")"))
    window.press("Tab")

    window.wait_for_saved_line(WHOLE)


def test_line_ends_stay_as_they_are(window: Any) -> None:
    r"""A file with CRLF keeps it: no lone LF gets in."""
    open_with_ghost(window, "crlf.py", newline="\r\n")
    window.press("Tab")
    window.wait_for_saved_line(WHOLE)

    data = window.file.read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n") == SOURCE.count("\n")


def test_several_cursors_get_nothing(window: Any) -> None:
    """With two cursors nothing is suggested, for one of them would be wrong."""
    window.open("cursors.py", SOURCE)
    window.run("Add Cursor Above")
    cursors = window.page.locator(".editor-instance .cursors-layer .cursor")
    window.wait_for("two cursors", lambda: cursors.count() == 2)
    window.type("l")
    window.wait_for_text("raise Val")

    window.stays("nothing", lambda: not window.ghost())


def test_an_untitled_document_gets_ghost_text(window: Any) -> None:
    """A document without a file is completed too."""
    window.run("File: New Untitled Text File")
    window.page.locator(".editor-instance .monaco-editor.focused[data-uri^='untitled:']").wait_for()
    # No indentation, to which VS Code would add its own.
    window.page.keyboard.insert_text('raise ValueError("duplicate handler")\n' * 4 + "raise Va")
    expected = 'lueError("duplicate handler")'
    window.press("Escape")  # VS Code may have opened its own list

    window.press_until("Alt+Backslash", "ghost text", lambda: window.ghost() == expected)


def test_a_snooze_is_quiet_until_it_ends(window: Any) -> None:
    """A snooze removes all suggestions, says so in the status bar, and can be ended."""
    window.open("snooze.py", SOURCE)
    window.run("Mixline: Snooze for 5 Minutes")
    window.wait_for("pause", lambda: "paused until" in window.status())
    window.type("l")
    window.wait_for_text("raise Val")
    window.stays("nothing", lambda: not window.ghost())
    window.run("Mixline: End the Snooze")
    window.wait_for("end of the pause", lambda: "is ready" in window.status())
    window.press("Backspace")
    window.type("l")

    window.wait_for_ghost(REST)


def test_a_paused_workspace_stays_untouched(window: Any) -> None:
    """Pausing a workspace writes no file into it."""
    window.open("paused.py", SOURCE)
    window.run("Mixline: Pause or Resume for This Workspace")
    window.wait_for("pause", lambda: "in this workspace" in window.status())
    window.type("l")
    window.wait_for_text("raise Val")
    window.stays("nothing", lambda: not window.ghost())
    window.run("Mixline: Pause or Resume for This Workspace")
    window.wait_for("end of the pause", lambda: "is ready" in window.status())

    assert not (window.workspace / ".vscode").exists()


def test_a_killed_server_is_started_again(window: Any) -> None:
    """After the server was killed another one answers, with nothing done by the user."""
    window.open("killed.py", SOURCE)
    servers = window.server.language_servers
    window.wait_for("no server but this window's", lambda: len(servers()) == 1)
    (before,) = servers()
    os.kill(before, signal.SIGKILL)
    window.wait_for("end of the old one", lambda: "is ready" not in window.status())
    window.wait_for("ready server", lambda: "is ready" in window.status())
    window.type("l")

    window.wait_for_ghost(REST)
    assert before not in window.server.language_servers()


@pytest.fixture
def unsure(window: Any) -> Iterator[None]:
    """Let suggestions be shown however unsure they are: those have alternatives."""
    window.configure({"mixline.minimumConfidence": 0})
    yield
    window.configure({})


@pytest.mark.usefixtures("unsure")
def test_alternatives_are_gone_through(window: Any) -> None:
    """VS Code's keys ask for others, go to the next, and back."""
    window.open("others.py", SOURCE[: SOURCE.rindex("for name")])
    window.type("for n")
    first = window.wait_for("ghost text", window.ghost)

    def is_first() -> bool:  # of which more lines may have come late
        return bool(window.ghost().startswith(first))

    window.press_until("Alt+BracketRight", "another one", lambda: window.ghost() and not is_first())
    window.press_until("Alt+BracketLeft", "the first again", is_first)


def test_statistics_are_a_page(window: Any) -> None:
    """What the server knows of suggestions, whatever machine it runs on."""
    window.run("Mixline: Show Statistics")
    window.page.locator(".tab", has_text="Mixline Statistics.md").wait_for()
    text = window.page.locator(".editor-instance .view-lines").first

    window.wait_for("figures", lambda: "accepted" in text.inner_text().lower())


def test_a_cell_goes_on_from_the_cells_before_it(window: Any) -> None:
    """What the second cell repeats stands in the first alone."""
    begin, _, last = SOURCE.rpartition("\n\n\n")
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": text.splitlines(keepends=True),
        }
        for text in (begin, last)
    ]
    notebook = {
        "cells": cells,
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 2,
    }
    window.show_file("cells.ipynb", json.dumps(notebook))
    editors = window.page.locator(".notebookOverlay .cell-editor-container .monaco-editor")
    editors.nth(1).click()
    window.page.locator(".notebookOverlay .monaco-editor.focused").wait_for()
    window.press("Control+End")
    window.type("l")

    window.wait_for_ghost(REST)
