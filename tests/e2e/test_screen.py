"""What a person sees: Neovim in a terminal, its screen read back and kept as a picture."""

import fcntl
import io
import itertools
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
ROWS, COLUMNS = 24, 92
DEMO = ROOT / "docs" / "demo" / "orders.py"


class Terminal:
    """A program on a pseudo terminal, and the screen that it has drawn so far."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        import pyte  # noqa: PLC0415  (only `make e2e` installs it)

        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=folder
        )
        os.close(slave)

    def type(self, keys: str) -> None:
        """Send keys to the program."""
        os.write(self._master, keys.encode())

    def wait_for(self, text: str, *, seconds: float = 30) -> None:
        """Draw until a line of the screen shows the text, or fail with the screen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            readable, _, _ = select.select([self._master], [], [], 0.05)
            if readable:
                self._stream.feed(os.read(self._master, 65536))
            if any(text in line for line in self.screen.display):
                return
        raise AssertionError(f"{text!r} never appeared on:\n" + "\n".join(self.screen.display))

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def save_picture(self, file: Path, title: str) -> None:
        """Write the screen as an SVG."""
        from rich._export_format import CONSOLE_SVG_FORMAT  # noqa: PLC0415  (likewise)
        from rich.console import Console  # noqa: PLC0415  (likewise)
        from rich.text import Text  # noqa: PLC0415

        console = Console(record=True, width=COLUMNS, file=io.StringIO())
        for row in range(ROWS):
            cells = [self.screen.buffer[row][column] for column in range(COLUMNS)]
            line = Text()
            # Blanks apart from words: some viewers of SVG drop the blanks that a word begins with.
            runs = itertools.groupby(cells, lambda cell: (_style(cell), cell.data == " "))
            for (style, _), run in runs:
                line.append("".join(cell.data for cell in run), style)
            console.print(line, no_wrap=True)
        # Without the web fonts: a picture must not make its reader's machine fetch anything.
        layout = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
        console.save_svg(str(file), title=title, code_format=layout)


def _style(cell: Any) -> str:
    """Return a terminal cell's look in rich's words."""

    def colour(name: str) -> str:
        if len(name) == 6 and set(name) <= set("0123456789abcdef"):
            return f"#{name}"
        return {"brown": "yellow"}.get(name, name)

    words = [name for name in ("bold", "italics", "reverse") if getattr(cell, name)]
    words.append(colour(cell.fg))
    if cell.bg != "default":
        words.append(f"on {colour(cell.bg)}")
    return " ".join("italic" if word == "italics" else word for word in words)


@pytest.fixture
def terminal(
    init_file: Path, neovim_environment: dict[str, str], workspace: Path, neovim: Path
) -> Iterator[Terminal]:
    """Open the demo file in a Neovim on a terminal."""
    file = workspace / "orders.py"
    file.write_bytes(DEMO.read_bytes())
    terminal = Terminal(
        [str(neovim), "-n", "-u", str(init_file), "-i", "NONE", file.name],
        {**neovim_environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        workspace,
    )
    yield terminal
    terminal.close()


def test_ghost_text_is_on_the_screen(terminal: Terminal) -> None:
    """At the end of the demo's last line the rest of the expression appears."""
    terminal.wait_for("class Order:")
    terminal.type(":lua vim.wait(30000, function() local c = vim.lsp.get_clients()[1] return c and")
    terminal.type(" c:request_sync('mixline/status', {}, 2000, 0).result.state == 'ready' end)\r")
    terminal.type("GA")

    terminal.wait_for("return max(order.amount for order in orders)")
    picture = ROOT / ".e2e" / "neovim.svg"
    picture.parent.mkdir(exist_ok=True)
    terminal.save_picture(picture, "Neovim and Mixline")
