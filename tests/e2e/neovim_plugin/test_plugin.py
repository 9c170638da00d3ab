"""Around the plugin's ghost text: pauses, servers, windows, keys, words for the user."""

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

HERE = Path(__file__).parents[1]
ROOT = HERE.parents[1]
SOURCE = (HERE / "handlers.txt").read_text("utf-8").removesuffix("\n")
REST = 'ueError(f"duplicate handler {name!r}")'
WHOLE = "            raise Val" + REST
SLOW_SERVER = HERE / "slow_server.py"

Open = Callable[..., Any]


def test_a_pause_is_quiet_until_it_ends(open_editor: Open) -> None:
    """The command removes all suggestions, the status line says so, and it can be ended."""
    editor = open_editor(SOURCE)
    editor.wait_for("ready", lambda: editor.statusline() == "Mixline")
    for how, words in [
        ("pause", "everywhere"),
        ("pause buffer", "in this buffer"),
        ("pause filetype", "for python"),
        ("snooze 5", "for 5 more minutes"),
    ]:
        editor.nvim.command(f"Mixline {how}")
        assert editor.statusline() == f"Mixline paused {words}"
        editor.type("GAl")
        editor.stays("nothing", lambda: not editor.ghost(), 0.6)
        editor.nvim.command("Mixline resume")
        assert editor.statusline() == "Mixline"
        editor.wait_for_ghost(REST)
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
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    former = editor.wait_for("server", lambda: server_of(editor))
    os.kill(former, signal.SIGKILL)
    editor.wait_for("new server", lambda: server_of(editor) not in {0, former})

    editor.wait_for_ghost(REST)


def test_restart_starts_a_new_server(open_editor: Open) -> None:
    """The command ends the old one."""
    editor = open_editor(SOURCE)
    former = editor.wait_for("server", lambda: server_of(editor))
    editor.nvim.command("Mixline restart")
    editor.wait_for("new server", lambda: server_of(editor) not in {0, former})

    editor.type("GAl")
    editor.wait_for_ghost(REST)
    editor.wait_for("end of the old one", lambda: not Path(f"/proc/{former}").exists())


def test_two_editors_at_once(open_editor: Open) -> None:
    """Each has ghost text of its own."""
    editors = [open_editor(SOURCE), open_editor(SOURCE)]
    for editor in editors:
        editor.type("GAl")

    for editor in editors:
        editor.wait_for_ghost(REST)


def test_two_windows_on_one_buffer(open_editor: Open) -> None:
    """The text goes where the cursor of the current window is."""
    editor = open_editor(SOURCE)
    editor.nvim.command("split")
    editor.type("GAl")
    editor.wait_for("ghost text", editor.ghost)
    editor.type("<Tab>")

    editor.wait_for_last_line(WHOLE)
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
    def written(self, tmp_path: Path) -> Path:
        """Return the file in which the server tells what its model does."""
        file = tmp_path / "model.txt"
        file.touch()
        return file

    @pytest.fixture
    def options(self, written: Path) -> dict[str, Any]:
        """Start the slowed server."""
        return {"cmd": [sys.executable, "-P", str(SLOW_SERVER), str(written)]}

    def test_a_late_answer_is_shown_without_a_key(self, open_editor: Open) -> None:
        """Asked for again when the server says that it is ready."""
        editor = open_editor(SOURCE)
        editor.type("GAl")

        editor.wait_for_ghost(REST)
        editor.type("<Tab>")
        editor.wait_for_last_line(WHOLE)

    @pytest.mark.parametrize(
        ("keys", "done"),
        [
            ("<Left>", "vim.fn.col('.') == vim.fn.col('$') - 1"),
            ("<Up>", "vim.fn.line('.') == vim.fn.line('$') - 1"),
            ("<Esc>", "vim.fn.mode() == 'n'"),
        ],
        ids=["left", "up", "escape"],
    )
    def test_it_does_not_pop_up_for_who_has_gone_on(
        self, open_editor: Open, written: Path, keys: str, done: str
    ) -> None:
        """The cursor moved, or nothing is inserted any more."""
        editor = open_editor(SOURCE)
        editor.type("GAl")
        of = "sample.py raise Val\n"
        editor.wait_for("question", lambda: f"begun {of}" in written.read_text("utf-8"))
        editor.type(keys)
        editor.wait_for("effect of the key", lambda: editor.lua(f"return {done}"))

        editor.wait_for("answer", lambda: f"ended {of}" in written.read_text("utf-8"))
        editor.stays("nothing", lambda: not editor.ghost())


def said_for_python(neovim: Path, init_file: Path, environment: dict[str, str], at: Path) -> str:
    """Return the status line of an editor that opens a Python file in a folder, and ends."""
    options = ["-u", str(init_file), "-i", "NONE", str(at / "sample.py")]
    say = "+lua io.stdout:write(require('mixline').statusline())"
    said = subprocess.run(
        [neovim, "--headless", *options, say, "+qa!"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return said.stdout


def test_a_program_of_the_workspace_is_not_run(
    neovim: Path, init_file: Path, neovim_environment: dict[str, str], workspace: Path
) -> None:
    """PATH may lead there, but it belongs to whoever wrote the workspace."""
    program = workspace / "bin" / "mixline"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {workspace}/was-run\n", encoding="utf-8")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{neovim_environment['PATH']}"
    said = said_for_python(neovim, init_file, {**neovim_environment, "PATH": path}, workspace)

    assert "lies inside the workspace, which is not trusted" in said
    assert not (workspace / "was-run").exists()


class TestNoProgram:
    """The program is not installed."""

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """Name one that does not exist."""
        return {"cmd": ["mixline-that-is-not-there"]}

    def test_it_is_said(
        self,
        neovim: Path,
        init_file: Path,
        neovim_environment: dict[str, str],
        workspace: Path,
    ) -> None:
        """In the status line, with what to do."""
        said = said_for_python(neovim, init_file, neovim_environment, workspace)

        assert "there is no program mixline-that-is-not-there" in said
        assert "pip install mixline" in said
