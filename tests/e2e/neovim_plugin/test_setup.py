"""Around `setup`: options that cannot be, a second call, and what must not be in anybody's way."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.e2e,
    # pynvim leaves its event loop and socket to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SOURCE = (Path(__file__).parents[1] / "handlers.txt").read_text("utf-8").removesuffix("\n")
REST = 'ueError(f"duplicate handler {name!r}")'
CLIENTS = "#vim.lsp.get_clients({ name = 'mixline' })"
Open = Callable[..., Any]


def test_a_second_call_takes_the_place_of_the_first(open_editor: Open) -> None:
    """Suggestions go on in the buffers that are open; the keys are those of the new options."""
    editor = open_editor(SOURCE)
    editor.lua("require('mixline').setup({ keymaps = { accept = '<C-l>', next = false } })")
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    described = "return vim.fn.maparg(..., 'i', false, true).desc or ''"

    for key in ("<Tab>", "<M-n>"):  # Neovim 0.12 has mapped the first of them itself
        assert not editor.nvim.exec_lua(described, key).startswith("Mixline")
    editor.type("<C-l>")
    editor.wait_for_last_line("            raise Val" + REST)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("'x'", "expected setup to get a table of options, got a string"),
        ("{ colour = 1 }", 'there is no option "colour"; there are: cmd, delay_ms'),
        ("{ cmd = {} }", "expected cmd to be a program and its arguments, got {}"),
        ("{ cmd = 'mixline' }", "expected cmd to be a table, got a string"),
        ("{ delay_ms = -5 }", "expected delay_ms to be milliseconds from 0 to 60000, got -5"),
        ("{ delay_ms = 0 / 0 }", "expected delay_ms to be milliseconds from 0 to 60000"),
        ("{ filetypes = { python = true } }", "expected filetypes to be a list of file types"),
        ("{ keymaps = { accept = '' } }", "keymaps.accept: expected an action's key or false"),
        ("{ settings = { 'x' } }", "expected settings to be settings by their names"),
    ],
    ids=["string", "name", "empty", "kind", "negative", "nan", "table", "key", "list"],
)
def test_options_that_cannot_be_are_refused(neovim: Path, options: str, words: str) -> None:
    """With what was expected and what was found."""
    root = Path(__file__).parents[3]
    code = (
        f"lua vim.opt.runtimepath:prepend({json.dumps(str(root / 'nvim'))}) "
        f"local _, problem = pcall(require('mixline').setup, {options}) "
        "io.stdout:write(problem)"
    )
    call = [neovim, "--clean", "--headless", "-i", "NONE", f"+{code}", "+qa!"]
    said = subprocess.run(call, capture_output=True, text=True, check=True, timeout=120).stdout

    assert said.startswith("mixline: ")
    assert words in said


def test_a_server_that_the_user_stops_stays_so(open_editor: Open) -> None:
    """By Neovim's own means; what was open then has one again when it is asked for."""
    editor = open_editor(SOURCE)
    editor.lua(
        "local client = vim.lsp.get_clients({ name = 'mixline' })[1]\n"
        "if vim.fn.has('nvim-0.11') == 1 then client:stop() else client.stop() end"
    )
    editor.wait_for("end", lambda: editor.lua(f"return {CLIENTS} == 0"))
    editor.stays("no server", lambda: editor.lua(f"return {CLIENTS} == 0"))

    editor.nvim.command("Mixline restart")
    editor.type("GAl")
    editor.wait_for_ghost(REST)


def test_only_one_of_the_buffers_without_a_name_has_a_server(
    open_editor: Open, workspace: Path
) -> None:
    """They share one URI: the server would take the text of one for the other's."""
    editor = open_editor(SOURCE)
    editor.nvim.command(f"cd {workspace}")
    attached = "#vim.lsp.get_clients({ bufnr = 0, name = 'mixline' })"
    editor.nvim.command("enew | set filetype=python")
    editor.wait_for("server", lambda: editor.lua(f"return {attached} == 1"))
    editor.nvim.command("new | set filetype=python")

    assert editor.lua(f"return {attached}") == 0


def test_nothing_is_shown_beyond_the_end_of_a_line(open_editor: Open) -> None:
    """Where 'virtualedit' lets the cursor go, no text can be put."""
    editor = open_editor(SOURCE)
    editor.nvim.command("set virtualedit=all")
    editor.type("GAl")
    editor.wait_for_ghost(REST)
    editor.type("<Right><Right>")
    editor.wait_for("no ghost text", lambda: not editor.ghost())
    editor.stays("none", lambda: not editor.ghost())


class TestProgramOfSeveralWords:
    """`python -m mixline serve`."""

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """Start the server so."""
        return {"cmd": ["python", "-P", "-m", "mixline", "serve"]}

    def test_its_health_is_that_of_the_program(self, open_editor: Open) -> None:
        """The same words with `doctor` in the place of `serve`."""
        editor = open_editor(SOURCE)
        editor.nvim.command("checkhealth mixline")
        report = "\n".join(editor.lines())

        assert "plugin and program are both of version" in report
        assert "ERROR" not in report


class TestNoProgram:
    """The program is not installed."""

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """Name one that does not exist."""
        return {"cmd": ["mixline-that-is-not-there"]}

    def test_what_others_do_with_a_file_is_done(
        self, neovim: Path, init_file: Path, neovim_environment: dict[str, str], workspace: Path
    ) -> None:
        """Syntax highlighting and what else follows the type of a file."""
        init_file.write_text(
            init_file.read_text("utf-8")
            + "vim.api.nvim_create_autocmd('FileType', { callback = function()\n"
            "  vim.g.later = 'called'\n"
            "end })\n",
            encoding="utf-8",
        )
        call = [neovim, "--headless", "-u", init_file, "-i", "NONE", workspace / "sample.py"]
        say = "+lua io.stdout:write(vim.g.later, ' ', vim.b.current_syntax)"
        said = subprocess.run(
            [*call, say, "+qa!"],
            env=neovim_environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )

        assert said.stdout == "called python"
