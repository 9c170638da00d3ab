"""A real Neovim with the configuration that docs/neovim.md gives, and the shipped model."""

import contextlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.terminal import drawn

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("MIXLINE_E2E_CACHE", ROOT / ".e2e"))
VSCODE = Path(__file__).parent / "vscode"
FAILURES = ROOT / ".e2e" / "failures"
NEOVIM = CACHE / "neovim" / "nvim"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let VS Code's tests be the last: Playwright's event loop leaves no room for pynvim's."""
    items.sort(key=lambda item: item.path.is_relative_to(VSCODE))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """After a failure keep what Neovim's server has logged, and let fixtures see that it failed."""
    report = yield
    used = getattr(item, "funcargs", {})
    if report.failed:
        item.failed = True  # type: ignore[attr-defined]
    if call.when == "call" and report.failed and "neovim_environment" in used:
        log = Path(used["neovim_environment"]["XDG_STATE_HOME"]) / "nvim" / "lsp.log"
        if log.is_file():
            shutil.copy(log, failure_of(item, "log"))
        if "terminal" in used:
            picture = used["terminal"].picture(item.name)
            failure_of(item, "svg").write_text(picture, encoding="utf-8")
    return report


def failure_of(item: Any, ending: str) -> Path:
    """Return where evidence of a test's failure goes."""
    FAILURES.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^\w.-]+", "-", item.name)
    return FAILURES / f"{name}.{ending}"


def documented_init() -> str:
    """Return the Lua block of docs/neovim.md that needs no plugin."""
    text = (ROOT / "docs" / "neovim.md").read_text(encoding="utf-8")
    block = re.search(r"```lua\n(vim\.lsp\.config.*?)```", text, re.DOTALL)
    assert block, "docs/neovim.md has no Lua block that begins with vim.lsp.config"
    return block.group(1)


class Editor:
    """Neovim over its RPC channel, and waiting for what it shows."""

    def __init__(self, nvim: Any) -> None:
        self.nvim = nvim

    def lua(self, code: str) -> Any:
        """Run Lua and return its value."""
        return self.nvim.exec_lua(code)

    def ask_server(self, method: str) -> Any:
        """Return the server's answer to a request without parameters, None if there is none."""
        return self.lua(
            f"local answers = vim.lsp.buf_request_sync(0, '{method}', {{}}, 60000)\n"
            "for id, answer in pairs(answers or {}) do\n"
            "  if vim.lsp.get_client_by_id(id).name == 'mixline' then return answer.result end\n"
            "end"
        )

    def type(self, keys: str) -> None:
        """Press keys, Vim notation."""
        self.nvim.input(keys)

    def lines(self) -> list[str]:
        """Return the buffer's lines."""
        return list(self.nvim.current.buffer[:])

    def ghost(self) -> str:
        """Return the ghost text on screen, "" if there is none."""
        marks = self.lua(
            "local known, marks = vim.api.nvim_get_namespaces(), {}\n"
            "for _, name in ipairs({ 'nvim.lsp.inline_completion', 'mixline' }) do\n"
            "  vim.list_extend(marks, known[name] and vim.api.nvim_buf_get_extmarks(\n"
            "    0, known[name], 0, -1, { details = true }) or {})\n"
            "end\n"
            "return marks"
        )
        first, below = "", []
        for *_, details in marks:
            first += "".join(chunk[0] for chunk in details.get("virt_text", []))
            below += details.get("virt_lines", [])
        return "\n".join([first, *("".join(chunk[0] for chunk in line) for line in below)])

    def wait_for_ghost(self, text: str) -> None:
        """Wait until exactly this is the ghost text."""
        self.wait_for(f"ghost text {text!r}", lambda: self.ghost() == text)

    def wait_for_last_line(self, line: str) -> None:
        """Wait until this is the buffer's last line."""
        self.wait_for(f"last line {line!r}", lambda: self.lines()[-1] == line)

    def confirmed_accept(self) -> dict[str, Any]:
        """Wait until the server knows of an accept in both ways, and return its statistics."""

        def total() -> dict[str, Any] | None:
            seen: dict[str, Any] = self.ask_server("mixline/stats")["total"]
            return seen if seen["confirmed"] and any(seen["accepted"].values()) else None

        found: dict[str, Any] = self.wait_for("a confirmed accept", total)
        return found

    def choose(self, title: str) -> None:
        """Choose an action from the menu of code actions at the cursor, once it is there."""
        before = self.lines()

        def is_applied() -> bool:
            if self.lines() != before:  # by what was chosen before, slowly
                return True
            self.lua(
                "vim.lsp.buf.code_action({ apply = true, filter = function(action)\n"
                f"  return action.title == '{title}'\n"
                "end })\n"
                "local tick = vim.b.changedtick\n"
                "vim.wait(2000, function() return vim.b.changedtick ~= tick end)"
            )
            return self.lines() != before

        self.wait_for(f"{title!r} in the menu", is_applied)

    def screen(self) -> list[str]:
        """Return the rows of the screen."""
        rows: list[str] = self.lua(
            "vim.cmd.redraw()\n"
            "return vim.iter(vim.fn.range(1, vim.o.lines)):map(function(row)\n"
            "  return vim.iter(vim.fn.range(1, vim.o.columns)):map(function(column)\n"
            "    return vim.fn.screenstring(row, column)\n"
            "  end):join('')\n"
            "end):totable()"
        )
        return rows

    def statusline(self) -> str:
        """Return the plugin's words for a status line."""
        return str(self.lua("return require('mixline').statusline()"))

    def stays(self, what: str, fact: Callable[[], Any], seconds: float = 1.0) -> None:
        """Fail unless `fact` holds all the time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert fact(), f"{what} did not last; buffer {self.lines()}, ghost {self.ghost()!r}"
            time.sleep(0.02)

    def wait_for(self, what: str, fact: Callable[[], Any], seconds: float = 120) -> Any:
        """Return the first truthy value of `fact`, or fail saying what was waited for."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = fact()
            if value:
                return value
            time.sleep(0.02)
        messages = self.nvim.command_output("messages")
        raise AssertionError(
            f"no {what} after {seconds} s; ghost {self.ghost()!r}, "
            f"buffer {self.lines()}; {messages}"
        )


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Return a folder that Neovim takes for a project."""
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'sample'\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def neovim() -> Path:
    """Return the program that install_neovim.sh unpacked."""
    assert NEOVIM.is_file(), f"{NEOVIM} is missing; run: make e2e"
    return NEOVIM


@pytest.fixture
def init_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an init.lua with the documented configuration, in a home of its own."""
    init = tmp_path_factory.mktemp("home") / "init.lua"
    init.write_text(documented_init(), encoding="utf-8")
    return init


@pytest.fixture
def neovim_environment(init_file: Path) -> dict[str, str]:
    """Return variables that put `mixline` on PATH and keep Neovim out of the real home."""
    folders = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
    return {
        **os.environ,
        **{name: str(init_file.parent / name.lower()) for name in folders},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


@pytest.fixture
def open_editor(
    workspace: Path,
    neovim: Path,
    init_file: Path,
    neovim_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Callable[[str], Editor]]:
    """Return a function that opens one file of the given text and waits for the server."""
    import pynvim  # noqa: PLC0415  (only `make e2e` installs it)

    for name, value in neovim_environment.items():
        monkeypatch.setenv(name, value)  # pynvim starts its child with this process's variables
    opened = []

    def open_file(text: str) -> Editor:
        file = workspace / "sample.py"
        file.write_text(text, encoding="utf-8")
        options = ["--embed", "--headless", "-n", "-u", str(init_file), "-i", "NONE"]
        nvim = pynvim.attach("child", argv=[str(neovim), *options, str(file)])
        opened.append(nvim)
        editor = Editor(nvim)
        editor.wait_for(
            "initialised server",
            lambda: editor.lua(
                "local c = vim.lsp.get_clients({ bufnr = 0, name = 'mixline' })[1]\n"
                "return c and c.initialized"
            ),
        )
        editor.wait_for(
            "loaded model",
            lambda: (editor.ask_server("mixline/status") or {}).get("state") == "ready",
        )
        return editor

    yield open_file
    if getattr(request.node, "failed", False) and opened:
        with contextlib.suppress(OSError, EOFError):  # it may have crashed
            picture = drawn(Editor(opened[-1]).screen(), request.node.name)
            failure_of(request.node, "svg").write_text(picture, encoding="utf-8")
    for nvim in opened:
        with contextlib.suppress(OSError, EOFError):  # the channel closes while the command runs
            nvim.command("qa!")
        nvim.close()
