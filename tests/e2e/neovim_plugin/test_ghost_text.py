"""Ghost text of the plugin: appears, is accepted in parts, typed through, dismissed."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.e2e,
    # pynvim leaves its event loop and socket to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HERE = Path(__file__).parents[1]
SOURCE = (HERE / "handlers.txt").read_text("utf-8").removesuffix("\n")
REST = 'ueError(f"duplicate handler {name!r}")'
WHOLE = "            raise Val" + REST

Open = Callable[..., Any]


def test_tab_accepts_the_whole(open_editor: Open) -> None:
    """Typing the start of a line brings ghost text; Tab puts exactly that text into the buffer."""
    editor = open_editor(SOURCE)
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    editor.type("<Tab>!")

    editor.wait_for_last_line(WHOLE + "!")
    assert editor.lines()[:-1] == SOURCE.split("\n")[:-1]


def test_an_accept_is_counted(open_editor: Open) -> None:
    """Whole accepts run the item's command, by which the server's history confirms them."""
    editor = open_editor(SOURCE)
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    editor.type("<Tab>")

    assert editor.confirmed_accept()["accepted"] == {"whole": 1, "line": 0, "word": 0}


def test_next_word_is_accepted(open_editor: Open) -> None:
    """The key takes one word and leaves the rest standing."""
    editor = open_editor(SOURCE)
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    editor.type("<M-Right>")

    editor.wait_for_last_line("            raise ValueError")
    editor.wait_for_ghost(REST.removeprefix("ueError"))


def test_next_line_is_accepted(open_editor: Open) -> None:
    """The key takes the line."""
    editor = open_editor(SOURCE)
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    editor.type("<M-End>")

    editor.wait_for_last_line(WHOLE)


def test_typing_along_keeps_the_ghost_text(open_editor: Open) -> None:
    """What agrees leaves the rest on screen, without a moment of something else in between."""
    editor = open_editor(SOURCE)
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    for count in range(1, 5):
        editor.type(REST[count - 1])
        assert editor.ghost() == REST[count:]
    editor.type("<Tab>")

    editor.wait_for_last_line(WHOLE)


def test_disagreeing_text_removes_the_ghost_text(open_editor: Open) -> None:
    """Such a character removes it at once; Tab is Tab then."""
    editor = open_editor(SOURCE)
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    editor.type("#")

    assert editor.ghost() == ""
    editor.type("<Tab>")
    assert editor.lines()[-1].startswith("            raise Val#")
    assert REST not in editor.lines()[-1]


def test_a_dismissed_suggestion_stays_away(open_editor: Open) -> None:
    """It is removed and does not come back by itself."""
    editor = open_editor(SOURCE)
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    editor.type("<C-]>")

    editor.stays("nothing", lambda: not editor.ghost())
    assert editor.lines()[-1] == "            raise Val"


def test_leaving_insert_mode_removes_it(open_editor: Open) -> None:
    """Ghost text is for inserting."""
    editor = open_editor(SOURCE)
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    editor.type("<Esc>")

    editor.stays("nothing", lambda: not editor.ghost())


def test_one_undo_takes_an_accept_back(open_editor: Open) -> None:
    """What was typed before it stays."""
    editor = open_editor(SOURCE)
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    editor.type("<Tab>")
    editor.wait_for_last_line(WHOLE)
    editor.type("<Esc>u")

    editor.wait_for_last_line("            raise Val")


def test_the_entry_of_the_menu_is_continued(open_editor: Open) -> None:
    """While an entry is selected, but not inserted, the ghost text goes on from it."""
    editor = open_editor(SOURCE)
    editor.nvim.ui_attach(100, 30)  # without a screen there is no menu
    editor.lua("vim.opt.completeopt = { 'menuone', 'noinsert' }")
    editor.type("GA<C-x><C-n>")
    editor.wait_for("menu", lambda: editor.lua("return vim.fn.pumvisible() == 1"))
    editor.wait_for_ghost("l" + REST)
    editor.type("<Tab>")

    editor.wait_for_last_line(WHOLE)
    editor.wait_for("no menu", lambda: editor.lua("return vim.fn.pumvisible() == 0"))


def test_another_entry_of_the_menu_gets_nothing_of_the_first(open_editor: Open) -> None:
    """What continues one entry does not stand behind another."""
    editor = open_editor(SOURCE.replace("    raise Va", "    raise n"))
    editor.nvim.ui_attach(100, 30)
    editor.lua("vim.opt.completeopt = { 'menuone', 'noinsert' }")
    editor.type("GA<C-x><C-n>")
    editor.wait_for("menu", lambda: editor.lua("return vim.fn.pumvisible() == 1"))
    words = "return vim.fn.complete_info({'items', 'selected'})"

    for _ in range(2):
        info = editor.lua(words)
        word = info["items"][info["selected"]]["word"]
        editor.stays("right ghost text", lambda w=word: f"n{editor.ghost()}"[: len(w)] in {w, "n"})
        editor.type("<Down>")


def test_the_closing_bracket_is_absorbed(open_editor: Open) -> None:
    """Plugins close brackets at once; accepting leaves one, not two."""
    editor = open_editor(SOURCE)
    editor.lua("vim.keymap.set('i', '(', '()<Left>')")
    editor.type("GAlueError(")
    # The bracket behind the cursor is seen once or, from Neovim itself, twice until it is accepted.
    editor.wait_for("ghost text", lambda: editor.ghost().startswith('f"duplicate'))
    assert editor.lines()[-1].endswith("ValueError()")
    editor.type("<Tab>!")

    editor.wait_for_last_line(WHOLE + "!")


def test_a_bracket_closed_while_typing_along_is_absorbed(open_editor: Open) -> None:
    """The suggestion that stands there takes it in, before the server has answered again."""
    editor = open_editor(SOURCE)
    editor.lua("vim.keymap.set('i', '(', '()<Left>')")
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    editor.type("ueError(<Tab>!")

    editor.wait_for_last_line(WHOLE + "!")


def test_line_ends_stay_as_they_are(open_editor: Open, workspace: Path) -> None:
    r"""A file with CRLF keeps it: no lone LF gets in."""
    editor = open_editor(SOURCE.replace("\n", "\r\n") + "\r\n")
    assert editor.lua("return vim.bo.fileformat") == "dos"
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    editor.type("<Tab><Esc>:write<CR>")
    editor.wait_for("written file", lambda: not editor.lua("return vim.bo.modified"))
    data = (workspace / "sample.py").read_bytes()

    assert data.decode().splitlines()[-1] == WHOLE
    assert data.count(b"\r\n") == data.count(b"\n") == SOURCE.count("\n") + 1


def test_text_beyond_ascii_before_the_cursor(open_editor: Open) -> None:
    """Columns are right in every unit: bytes, UTF-16, code points."""
    source = SOURCE.replace("duplicate handler", "😋 doppelter Händler")
    editor = open_editor(source + 'lueError(f"😋 dop')
    editor.type("GAp")
    editor.wait_for_ghost('elter Händler {name!r}")')
    editor.type("<Tab>")

    editor.wait_for_last_line('            raise ValueError(f"😋 doppelter Händler {name!r}")')


def test_alternatives_are_cycled_through(open_editor: Open) -> None:
    """Asked again where something is shown, the next suggestions come, and go back to the first."""
    editor = open_editor('def area(width, height):\n    """Return the area."""\n    return ')
    editor.type("GA<M-n>")
    first = editor.wait_for("ghost text", editor.ghost)
    counter = re.compile(r" \((\d)/(\d)\)")

    def shown() -> list[tuple[str, str]]:
        return counter.findall(editor.ghost())

    def others() -> list[tuple[str, str]]:
        editor.type("<M-n>")
        with contextlib.suppress(AssertionError):
            return list(editor.wait_for("others", shown, 10))
        return []  # more lines of the first have come meanwhile: asked again

    ((number, count),) = editor.wait_for("others", others)
    assert number == "2"
    for following in range(3, int(count) + 1):
        editor.type("<M-n>")
        editor.wait_for(f"number {following}", lambda n=following: shown() == [(str(n), count)])
    editor.type("<M-n>")
    editor.wait_for("the first again", lambda: counter.sub("", editor.ghost()).startswith(first))
    editor.type("<M-p>")
    editor.wait_for("the last", lambda: shown() == [(count, count)])
    editor.type("<Tab>")
    editor.wait_for("accepted text", lambda: len(editor.lines()[-1]) > len("    return "))
