"""Helix in a terminal, with the configuration that docs/editors.md gives."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ruff import find_ruff_bin

from tests.e2e.conftest import CACHE, ROOT, failure_of
from tests.e2e.documented import BARE, GOOGLE, WRITE, check_documented
from tests.e2e.terminal import Terminal
from tests.e2e.vscode.code_server import is_running, parent_of

pytestmark = pytest.mark.e2e

HELIX = CACHE / "helix" / "hx"
SOURCE = (Path(__file__).parent / "handlers.txt").read_text("utf-8").removesuffix("\n")
REST = 'ValueError(f"duplicate handler {name!r}")'
MISSPELT = "def total(configuration):\n    return confguration.value + 1\n"
RENAME = "Rename to `configuration` - verified by ruff"
Open = Callable[[str], Terminal]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the file that is edited, in a project of its own."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(GOOGLE, encoding="utf-8")
    return folder / "sample.py"


@pytest.fixture
def open_editor(tmp_path: Path, file: Path, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Return a function that opens the file with a text in it."""
    assert HELIX.exists(), f"{HELIX} is missing; run: make e2e"
    page = (ROOT / "docs" / "editors.md").read_text("utf-8")
    block = re.search(r"## Helix.*?```toml\n(.*?)```", page, re.DOTALL)
    assert block, "docs/editors.md has no TOML block for Helix"
    (tmp_path / "config" / "helix").mkdir(parents=True)
    (tmp_path / "config" / "helix" / "languages.toml").write_text(block.group(1), encoding="utf-8")
    folders = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("CONFIG", "STATE")}
    programs = [str(Path(sys.executable).parent), str(Path(find_ruff_bin()).parent)]
    environment = {
        **os.environ,
        **folders,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PATH": os.pathsep.join([*programs, os.environ["PATH"]]),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
    }
    terminals = []

    def begin(text: str) -> Terminal:
        file.write_text(text, encoding="utf-8")
        terminals.append(Terminal([str(HELIX), "-v", file.name], environment, file.parent))
        terminals[0].wait_for(text.splitlines()[0])
        return terminals[0]

    yield begin
    for terminal in terminals:
        if getattr(request.node, "failed", False):
            picture = terminal.picture(request.node.name)
            failure_of(request.node, "svg").write_text(picture, encoding="utf-8")
        terminal.close()


def row_of(terminal: Terminal, text: str) -> int:
    """Return the first row of the screen that shows the text."""
    rows = [row for row, line in enumerate(terminal.screen.display) if text in line]
    assert rows, "\n".join(terminal.screen.display)
    return rows[0]


def row_at_cursor(terminal: Terminal) -> str:
    """Return what the row with the cursor shows."""
    line: str = terminal.screen.display[terminal.screen.cursor.y]
    return line


def choose(terminal: Terminal, line: str, title: str) -> None:
    """Open the menu of actions below the cursor's line until it has one, and take that."""

    def is_listed() -> bool:
        terminal.type("\x1b")
        terminal.draw(0.3)  # what follows Escape at once is typed with Alt
        terminal.type(" a")
        terminal.draw(2)
        return any(title in shown for shown in terminal.screen.display)

    terminal.wait_until(f"{title!r} in the menu", is_listed)
    steps = row_of(terminal, title) - row_of(terminal, line) - 1
    terminal.type("\x0e" * steps + "\r")  # Ctrl-n: the next entry


def save(terminal: Terminal) -> None:
    """Write the file."""
    terminal.type("\x1b")
    terminal.draw(0.3)
    terminal.type(":write\r")
    terminal.wait_for("written")


def servers_of(pid: int) -> list[int]:
    """Return the Mixline servers that a process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = parent_of(int(folder.name)) == pid
            if is_ours and b"mixline" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue  # it has just ended
    return found


def test_the_suggestion_is_listed_and_enter_inserts_it(open_editor: Open, file: Path) -> None:
    """It is the entry of Mixline in the list of completions."""
    terminal = open_editor(SOURCE)

    def is_listed() -> bool:
        terminal.type("\x18")  # Ctrl-x: by itself the list comes once, perhaps before the server
        terminal.draw(2)
        return any(f"{REST} text" in shown for shown in terminal.screen.display)

    terminal.type("geAl")
    terminal.wait_until("the list", is_listed)
    terminal.type("\t\r")
    terminal.wait_until("the line", lambda: "raise " + REST in row_at_cursor(terminal))
    save(terminal)

    assert file.read_text("utf-8") == SOURCE + REST.removeprefix("Va") + "\n"


def test_a_fix_that_was_checked_is_taken_from_the_menu(open_editor: Open, file: Path) -> None:
    """For what another server has found: the menu names the checker that agreed."""
    terminal = open_editor(MISSPELT)
    terminal.wait_for("\u25cf")  # the mark of a diagnostic
    terminal.type("jwwl")
    choose(terminal, "confguration.value", RENAME)
    terminal.wait_for("configuration.value")
    save(terminal)

    assert file.read_text("utf-8") == MISSPELT.replace("confguration", "configuration")


def test_a_docstring_is_written(open_editor: Open, file: Path) -> None:
    """From the same menu."""
    terminal = open_editor(BARE)
    choose(terminal, "def clamp", WRITE)
    terminal.wait_for("Raises:")
    save(terminal)

    check_documented(file.read_text("utf-8"))


def test_a_killed_editor_leaves_no_server(open_editor: Open) -> None:
    """Helix is killed, and nothing else."""
    terminal = open_editor(SOURCE)
    terminal.wait_until("a server", lambda: bool(servers_of(terminal.process.pid)))
    servers = servers_of(terminal.process.pid)
    os.kill(terminal.process.pid, signal.SIGKILL)
    terminal.process.wait()

    deadline = time.monotonic() + 60
    while any(is_running(pid) for pid in servers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
