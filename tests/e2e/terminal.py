"""A program on a pseudo terminal, its screen read back and drawn as a picture."""

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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROWS, COLUMNS = 24, 92


class Terminal:
    """A program on a pseudo terminal, and the screen that it has drawn so far."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        import pyte  # noqa: PLC0415  (only `make e2e` installs it)

        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=folder
        )
        os.close(slave)

    def type(self, keys: str) -> None:
        """Send keys to the program."""
        os.write(self._master, keys.encode())

    def wait_for(self, text: str) -> None:
        """Draw until a line of the screen shows the text, or fail with the screen."""
        self.wait_until(repr(text), lambda: any(text in line for line in self.screen.display))

    def wait_until(self, what: str, fact: Callable[[], bool]) -> None:
        """Draw until something is so, or fail with the screen."""
        deadline = time.monotonic() + 120
        while not fact():
            shown = "\n".join(self.screen.display)
            assert time.monotonic() < deadline, f"{what} never appeared on:\n{shown}"
            self.draw(0.05)

    def close(self) -> None:
        """End the program."""
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def draw(self, seconds: float) -> None:
        """Draw what the program writes for a while."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            readable, _, _ = select.select([self._master], [], [], 0.02)
            if readable:
                self._stream.feed(os.read(self._master, 65536))

    def picture(self, title: str, *, cursor: bool = False, identity: str | None = None) -> str:
        """Return the screen as an SVG."""
        from rich.text import Text  # noqa: PLC0415  (only `make e2e` installs it)

        lines = []
        for row in range(ROWS):
            cells = [self.screen.buffer[row][column] for column in range(COLUMNS)]
            if cursor and row == self.screen.cursor.y:
                column = self.screen.cursor.x
                cells[column] = cells[column]._replace(reverse=True)
            line = Text()
            # Blanks apart from words: some viewers of SVG drop the blanks that a word begins with.
            runs = itertools.groupby(cells, lambda cell: (_style(cell), cell.data == " "))
            for (style, _), run in runs:
                line.append("".join(cell.data for cell in run), style)
            lines.append(line)
        return drawn(lines, title, identity)


def drawn(lines: Sequence[Any], title: str, identity: str | None = None) -> str:
    """Return lines, strings or `rich.text.Text`, as an SVG of a screen."""
    from rich._export_format import CONSOLE_SVG_FORMAT  # noqa: PLC0415  (only `make e2e` has it)
    from rich.console import Console  # noqa: PLC0415  (likewise)

    console = Console(record=True, width=COLUMNS, file=io.StringIO(), markup=False, highlight=False)
    for line in lines:
        console.print(line, no_wrap=True)
    # Without the web fonts: a picture must not make its reader's machine fetch anything.
    layout = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title=title, code_format=layout, unique_id=identity)


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
