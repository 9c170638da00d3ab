"""The plugin in nvim/, in Neovim 0.12, which shows ghost text by itself, and in 0.10."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.e2e,
    # pynvim leaves its event loop and socket to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = Path(os.environ.get("MIXLINE_E2E_CACHE", ROOT / ".e2e"))
SOURCE = (HERE / "handlers.txt").read_text("utf-8").removesuffix("\n")
REST = 'ueError(f"duplicate handler {name!r}")'
WHOLE = "            raise Val" + REST
SLOW = [sys.executable, str(HERE / "slow_server.py")]

Open = Callable[..., Any]


@pytest.fixture(params=["neovim", "neovim-trixie"], ids=["0.12", "0.10"])
def neovim(request: pytest.FixtureRequest) -> Path:
    """Return each of the programs that install_neovim.sh unpacked."""
    program = CACHE / request.param / "nvim"
    assert program.is_file(), f"{program} is missing; run: make e2e"
    return program


@pytest.fixture
def options() -> dict[str, Any]:
    """Return what `setup` is called with."""
    return {}


@pytest.fixture
def before_setup() -> str:
    """Return Lua that stands before it."""
    return ""


@pytest.fixture
def init_file(
    tmp_path_factory: pytest.TempPathFactory, options: dict[str, Any], before_setup: str
) -> Path:
    """Return an init.lua that sets the plugin up, in a home of its own."""
    init = tmp_path_factory.mktemp("home") / "init.lua"
    init.write_text(
        f"vim.opt.runtimepath:prepend({json.dumps(str(ROOT / 'nvim'))})\n"
        "_G.seen = {}\n"
        "vim.api.nvim_create_autocmd('User', { pattern = 'MixlineStatus', callback = function()\n"
        "  table.insert(_G.seen, require('mixline').statusline())\n"
        "end })\n"
        f"{before_setup}\n"
        f"require('mixline').setup(vim.json.decode([==[{json.dumps(options)}]==]))\n",
        encoding="utf-8",
    )
    return init


def ghost_after_l(editor: Any) -> str:
    """Type the next letter and return the ghost text that comes."""
    editor.type("GAl")
    return str(editor.wait_for("ghost text", editor.ghost))


def statusline(editor: Any) -> str:
    """Return what the status line says."""
    return str(editor.lua("return require('mixline').statusline()"))


def test_tab_accepts_the_whole(open_editor: Open) -> None:
    """Typing the start of a line brings ghost text; Tab puts exactly that text into the buffer."""
    editor = open_editor(SOURCE)
    assert ghost_after_l(editor) == REST
    editor.type("<Tab>!")

    editor.wait_for("accepted text", lambda: editor.lines()[-1] == WHOLE + "!")
    assert editor.lines()[:-1] == SOURCE.split("\n")[:-1]


def test_an_accept_is_counted(open_editor: Open) -> None:
    """Whole accepts run the item's command, by which the server's history confirms them."""
    editor = open_editor(SOURCE)
    ghost_after_l(editor)
    editor.type("<Tab>")
    editor.wait_for(
        "a confirmed accept",
        lambda: editor.ask_server("mixline/stats")["total"]["confirmed"] > 0,
    )
    stats = editor.ask_server("mixline/stats")["total"]

    assert stats["accepted"] == {"whole": 1, "line": 0, "word": 0}


def test_next_word_is_accepted(open_editor: Open) -> None:
    """The key takes one word and leaves the rest standing."""
    editor = open_editor(SOURCE)
    ghost_after_l(editor)
    editor.type("<M-Right>")

    editor.wait_for("word", lambda: editor.lines()[-1] == "            raise ValueError")
    editor.wait_for("rest", lambda: editor.ghost() == REST.removeprefix("ueError"))


def test_next_line_is_accepted(open_editor: Open) -> None:
    """The key takes the line."""
    editor = open_editor(SOURCE)
    ghost_after_l(editor)
    editor.type("<M-End>")

    editor.wait_for("line", lambda: editor.lines()[-1] == WHOLE)


def test_typing_along_keeps_the_ghost_text(open_editor: Open) -> None:
    """What agrees leaves the rest on screen, without a moment of something else in between."""
    editor = open_editor(SOURCE)
    ghost_after_l(editor)
    for count in range(1, 5):
        editor.type(REST[count - 1])
        assert editor.ghost() == REST[count:]
    editor.type("<Tab>")

    editor.wait_for("accepted text", lambda: editor.lines()[-1] == WHOLE)


def test_disagreeing_text_removes_the_ghost_text(open_editor: Open) -> None:
    """Such a character removes it at once; Tab is Tab then."""
    editor = open_editor(SOURCE)
    ghost_after_l(editor)
    editor.type("#")

    assert editor.ghost() == ""
    editor.type("<Tab>")
    assert editor.lines()[-1].startswith("            raise Val#")
    assert REST not in editor.lines()[-1]


def test_a_dismissed_suggestion_stays_away(open_editor: Open) -> None:
    """It is removed and does not come back by itself."""
    editor = open_editor(SOURCE)
    ghost_after_l(editor)
    editor.type("<C-]>")

    editor.stays("nothing", lambda: not editor.ghost())
    assert editor.lines()[-1] == "            raise Val"


def test_leaving_insert_mode_removes_it(open_editor: Open) -> None:
    """Ghost text is for inserting."""
    editor = open_editor(SOURCE)
    ghost_after_l(editor)
    editor.type("<Esc>")

    editor.stays("nothing", lambda: not editor.ghost())


def test_one_undo_takes_an_accept_back(open_editor: Open) -> None:
    """What was typed before it stays."""
    editor = open_editor(SOURCE)
    ghost_after_l(editor)
    editor.type("<Tab>")
    editor.wait_for("accepted text", lambda: editor.lines()[-1] == WHOLE)
    editor.type("<Esc>u")

    editor.wait_for("undone text", lambda: editor.lines()[-1] == "            raise Val")


def test_the_entry_of_the_menu_is_continued(open_editor: Open) -> None:
    """While an entry is selected, but not inserted, the ghost text goes on from it."""
    editor = open_editor(SOURCE)
    editor.nvim.ui_attach(100, 30)  # without a screen there is no menu
    editor.lua("vim.opt.completeopt = { 'menuone', 'noinsert' }")
    editor.type("GA<C-x><C-n>")
    editor.wait_for("menu", lambda: editor.lua("return vim.fn.pumvisible() == 1"))
    assert editor.wait_for("ghost text", editor.ghost) == "l" + REST
    editor.type("<Tab>")

    editor.wait_for("accepted text", lambda: editor.lines()[-1] == WHOLE)
    assert editor.lua("return vim.fn.pumvisible()") == 0


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
    editor.wait_for("ghost text", lambda: "duplicate" in editor.ghost())
    assert editor.lines()[-1].endswith("ValueError()")
    editor.type("<Tab>!")

    editor.wait_for("accepted text", lambda: editor.lines()[-1] == WHOLE + "!")


def test_a_bracket_closed_while_typing_along_is_absorbed(open_editor: Open) -> None:
    """The suggestion that stands there takes it in, before the server has answered again."""
    editor = open_editor(SOURCE)
    editor.lua("vim.keymap.set('i', '(', '()<Left>')")
    ghost_after_l(editor)
    editor.type("ueError(<Tab>!")

    editor.wait_for("accepted text", lambda: editor.lines()[-1] == WHOLE + "!")


def test_line_ends_stay_as_they_are(open_editor: Open, workspace: Path) -> None:
    r"""A file with CRLF keeps it: no lone LF gets in."""
    editor = open_editor(SOURCE.replace("\n", "\r\n") + "\r\n")
    assert editor.lua("return vim.bo.fileformat") == "dos"
    assert ghost_after_l(editor) == REST
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
    ghost = editor.wait_for("ghost text", editor.ghost)
    editor.type("<Tab>")

    expected = '            raise ValueError(f"😋 dopp' + ghost
    editor.wait_for("accepted text", lambda: editor.lines()[-1] == expected)
    assert "Händler" in ghost


def test_alternatives_are_cycled_through(open_editor: Open) -> None:
    """Asked again where something is shown, the next suggestions come, and go back to the first."""
    editor = open_editor('def area(width, height):\n    """Return the area."""\n    return ')
    editor.type("GA<M-n>")
    first = editor.wait_for("ghost text", editor.ghost)
    editor.type("<M-n>")
    second = editor.wait_for("another", lambda: editor.ghost() != first and editor.ghost())
    count = int(re.search(r" \((\d)/(\d)\)", second)[2])
    for _ in range(count - 1):
        editor.type("<M-n>")

    text = re.sub(r" \(\d/\d\)", "", editor.wait_for("the first", editor.ghost))
    assert text == first
    editor.type("<M-p><Tab>")
    editor.wait_for("accepted text", lambda: len(editor.lines()[-1]) > len("    return "))


def test_a_pause_is_quiet_until_it_ends(open_editor: Open) -> None:
    """The command removes all suggestions, the status line says so, and it can be ended."""
    editor = open_editor(SOURCE)
    editor.wait_for("ready", lambda: statusline(editor) == "Mixline")
    for how, words in [
        ("pause", "everywhere"),
        ("pause buffer", "in this buffer"),
        ("pause filetype", "for python"),
        ("snooze 5", "for 5 more minutes"),
    ]:
        editor.nvim.command(f"Mixline {how}")
        assert statusline(editor) == f"Mixline paused {words}"
        editor.type("GAl")
        editor.stays("nothing", lambda: not editor.ghost(), 0.6)
        editor.nvim.command("Mixline resume")
        assert statusline(editor) == "Mixline"
        assert editor.wait_for("ghost text", editor.ghost) == REST
        editor.type("<Esc>u")


def server_of(editor: Any) -> int:
    """Return the process id of an editor's server."""
    parent = editor.lua("return vim.uv.os_getpid()")
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            status = (entry / "status").read_text("utf-8")
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue  # ended meanwhile
        if f"\nPPid:\t{parent}\n" in status and b"serve" in command:
            return int(entry.name)
    return 0


def test_a_killed_server_is_started_again(open_editor: Open) -> None:
    """The next suggestion comes from a new server, without a word from the user."""
    editor = open_editor(SOURCE)
    ghost_after_l(editor)
    former = editor.wait_for("server", lambda: server_of(editor))
    os.kill(former, signal.SIGKILL)
    editor.wait_for("no ghost text", lambda: not editor.ghost())
    editor.wait_for("new server", lambda: server_of(editor) not in {0, former})

    assert editor.wait_for("ghost text", editor.ghost) == REST


def test_restart_starts_a_new_server(open_editor: Open) -> None:
    """The command ends the old one."""
    editor = open_editor(SOURCE)
    former = editor.wait_for("server", lambda: server_of(editor))
    editor.nvim.command("Mixline restart")
    editor.wait_for("new server", lambda: server_of(editor) not in {0, former})

    assert ghost_after_l(editor) == REST
    assert not Path(f"/proc/{former}").exists()


def test_two_editors_at_once(open_editor: Open) -> None:
    """Each has ghost text of its own."""
    editors = [open_editor(SOURCE), open_editor(SOURCE)]
    for editor in editors:
        editor.type("GAl")

    for editor in editors:
        assert editor.wait_for("ghost text", editor.ghost) == REST


def test_two_windows_on_one_buffer(open_editor: Open) -> None:
    """The text goes where the cursor of the current window is."""
    editor = open_editor(SOURCE)
    editor.nvim.command("split")
    editor.type("GAl")
    editor.wait_for("ghost text", editor.ghost)
    editor.type("<Tab>")

    editor.wait_for("accepted text", lambda: editor.lines()[-1] == WHOLE)
    assert editor.nvim.current.window.cursor == (len(editor.lines()), len(WHOLE))


def test_special_buffers_are_left_alone(open_editor: Open) -> None:
    """No client in help, prompts, terminals, scratch buffers and buffers of other schemes."""
    editor = open_editor(SOURCE)
    for command in (
        "help",
        "new | setlocal buftype=prompt filetype=python",
        "new | setlocal buftype=nofile filetype=python",
        "terminal true",
        "edit fugitive:///somewhere/sample.py | setlocal filetype=python",
        "new COMMIT_EDITMSG | setlocal filetype=gitcommit",
    ):
        editor.nvim.command(command)
        assert editor.lua("return #vim.lsp.get_clients({ bufnr = 0 })") == 0, command


def test_the_status_line_and_health_speak(open_editor: Open) -> None:
    """Loading, ready; the health check finds no fault."""
    editor = open_editor(SOURCE)
    editor.wait_for("ready", lambda: editor.lua("return _G.seen[#_G.seen]") == "Mixline")
    editor.nvim.command("checkhealth mixline")
    report = "\n".join(editor.lines())

    assert "Mixline ..." in editor.lua("return _G.seen")
    assert "plugin and program are both of version" in report
    assert not re.search(r"ERROR|WARNING", report)


def test_help_has_every_tag_that_it_names(open_editor: Open, tmp_path: Path) -> None:
    """Links lead somewhere, and each command, key and option is described."""
    text = (ROOT / "nvim" / "doc" / "mixline.txt").read_text("utf-8")
    folder = tmp_path / "doc"
    folder.mkdir()
    (folder / "mixline.txt").write_text(text, encoding="utf-8")
    editor = open_editor("")
    editor.nvim.command(f"helptags {folder}")
    tags = {line.split("\t")[0] for line in (folder / "tags").read_text("utf-8").splitlines()}
    options = editor.lua("return vim.tbl_keys(require('mixline.config').defaults)")
    commands = editor.lua("return vim.fn.getcompletion('Mixline ', 'cmdline')")

    assert set(re.findall(r"\|(mixline[^|\s]*|:Mixline[^|\s]*)\|", text)) <= tags
    assert {f"mixline-{name}" for name in options} <= tags
    assert {f":Mixline-{name}" for name in commands} <= tags


class TestFormerMappings:
    """Keys that were mapped before keep what they did where nothing is shown."""

    @pytest.fixture
    def before_setup(self) -> str:
        """Map keys in each of the ways there are."""
        return (
            "vim.keymap.set('i', '<Tab>', function() return '<<' end, { expr = true })\n"
            "vim.keymap.set('i', '<M-Right>', function() vim.g.pressed = 'right' end)\n"
            "vim.cmd('inoremap <M-End> <Lt>End>')\n"
            "vim.cmd([[imap <C-]> <C-]>closed]])\n"
        )

    def test_they_are_kept(self, open_editor: Open) -> None:
        """Expressions, functions, plain and recursive ones."""
        editor = open_editor("")
        editor.type("i<Tab>|<M-Right>|<M-End>|<C-]>|")

        editor.wait_for("text", lambda: editor.lines() == ["<<||<End>|closed|"])
        assert editor.lua("return vim.g.pressed") == "right"


class TestSlowModel:
    """Every completion takes two seconds, so that each is late."""

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """Start the slowed server."""
        return {"cmd": SLOW}

    def test_a_late_answer_is_shown_without_a_key(self, open_editor: Open) -> None:
        """Asked for again when the server says that it is ready."""
        editor = open_editor(SOURCE)
        editor.type("GAl")

        assert editor.wait_for("ghost text", editor.ghost) == REST
        editor.type("<Tab>")
        editor.wait_for("accepted text", lambda: editor.lines()[-1] == WHOLE)

    @pytest.mark.parametrize("keys", ["<Left>", "<Up>", "<Esc>"])
    def test_it_does_not_pop_up_for_who_has_gone_on(self, open_editor: Open, keys: str) -> None:
        """The cursor moved, or nothing is inserted any more."""
        editor = open_editor(SOURCE)
        editor.type("GAl")
        editor.stays("nothing", lambda: not editor.ghost(), 0.8)
        editor.type(keys)

        editor.stays("nothing", lambda: not editor.ghost(), 3.0)


class TestNoProgram:
    """The program is not installed."""

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """Name one that does not exist."""
        return {"cmd": ["mixline-that-is-not-there"]}

    def test_it_is_said(self, neovim: Path, init_file: Path, neovim_environment: Any) -> None:
        """In the status line, with what to do."""
        options = ["-u", init_file, "-i", "NONE", "+set ft=python"]
        say = "+lua io.stdout:write(require('mixline').statusline())"
        said = subprocess.run(
            [neovim, "--headless", *options, say, "+qa!"],
            env=neovim_environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )

        assert "there is no program mixline-that-is-not-there" in said.stdout
        assert "pip install mixline" in said.stdout
