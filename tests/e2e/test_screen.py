"""What a person sees: Neovim in a terminal, its screen read back and kept as a picture."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import COLUMNS, ROWS, Terminal

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "docs" / "demo" / "orders.py"


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
    terminal.type(
        ":lua vim.wait(120000, function() local c = vim.lsp.get_clients()[1] return c and"
    )
    terminal.type(" c:request_sync('mixline/status', {}, 60000).result.state == 'ready' end)\r")
    terminal.type("GA")

    terminal.wait_for("return max(order.amount for order in orders)")
    picture = ROOT / ".e2e" / "neovim.svg"
    picture.parent.mkdir(exist_ok=True)
    picture.write_text(terminal.picture("Neovim and Mixline"), encoding="utf-8")


_BACKGROUND = re.compile(r'<rect fill="([^"]*)"[^>]*shape-rendering="crispEdges"[^>]*>')


def animation(pictures: list[str], seconds: list[float]) -> str:
    """Make one SVG of several: each frame is visible in its share of the time."""
    total, begin = sum(seconds), 0.0
    styles, groups = [], []
    outside, ground = ("", ""), ""
    for number, (picture, length) in enumerate(zip(pictures, seconds, strict=True)):
        # Lines need no clipping: nothing is wider than the terminal.
        plain = re.sub(r' clip-path="[^"]*-line-[^"]*"', "", picture)
        parts = re.fullmatch(r"(.*)(<g class=.*?-matrix.*</g>)(\s*</g>.*)", plain, re.DOTALL)
        assert parts
        outside = _BACKGROUND.sub("", parts[1]), parts[3]
        first, last = (100 * moment / total for moment in (begin, begin + length))
        begin += length
        styles += re.findall(r"\.frame\d+-(?:r\d+|matrix) \{.*?\}", picture, re.DOTALL)
        styles.append(
            f"@keyframes show{number} {{ 0% {{ opacity: 0 }} {first:.2f}% {{ opacity: 1 }} "
            f"{last:.2f}% {{ opacity: 0 }} }}\n"
            # Where nothing moves, the last frame is seen.
            f".show{number} {{ opacity: {int(number == len(pictures) - 1)}; "
            f"animation: show{number} {total}s step-end infinite }}"
        )
        found = list(_BACKGROUND.finditer(parts[1]))
        ground = found[0][1]  # one rectangle for it, behind all frames
        shapes = "".join(shape[0] for shape in found if shape[1] != ground)
        groups.append(f'<g class="show{number}">{shapes}{parts[2]}</g>')
    head = outside[0].replace("</style>", "\n".join([*styles, "</style>"]), 1)
    head += f'<rect fill="{ground}" width="{12.2 * COLUMNS:.1f}" height="{24.4 * ROWS:.1f}"/>'
    return re.sub(r"\s*\n\s*", "\n", head + "\n".join(groups) + outside[1])


class TestPlugin:
    """The plugin of nvim/, filmed."""

    @pytest.fixture
    def init_file(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Set the plugin up."""
        init = tmp_path_factory.mktemp("home") / "init.lua"
        init.write_text(
            f"vim.opt.runtimepath:prepend({str(ROOT / 'nvim')!r})\n"
            "vim.o.statusline = \"%f %= %{%v:lua.require'mixline'.statusline()%} \"\n"
            "vim.o.laststatus = 2\n"
            "require('mixline').setup({})\n",
            encoding="utf-8",
        )
        return init

    def test_typing_and_accepting_are_filmed(self, terminal: Terminal) -> None:
        """Ghost text appears, shrinks as it is typed along, and is accepted in two steps."""
        frames: list[tuple[str, float]] = []

        def film(seconds: float) -> None:
            identity = f"frame{len(frames)}"
            frames.append((terminal.picture("Neovim", cursor=True, identity=identity), seconds))

        terminal.wait_for("class Order:")
        terminal.wait_until(
            "a ready server",
            lambda: any(line.endswith(" Mixline ") for line in terminal.screen.display),
        )
        terminal.type("G0wwC")
        terminal.draw(1)
        film(1.0)
        for keys in ("m", "ax", "(o", "rd", "er", ".amo", "unt"):
            for key in keys:
                terminal.type(key)
                terminal.draw(0.4)
            film(0.5)
        whole = "    return max(order.amount for order in orders)"
        word = whole.index(" order in")

        def shows(column: int) -> bool:
            cursor = terminal.screen.cursor
            shown = terminal.screen.display[cursor.y].rstrip()
            return cursor.x == column and shown == whole

        terminal.wait_until("ghost text", lambda: shows(word - len(" for")))
        terminal.type("\x1b[1;3C")  # Alt-Right
        terminal.wait_until("the next word", lambda: shows(word))
        film(1.2)
        terminal.type("\t")
        terminal.wait_until("end of the line", lambda: shows(len(whole)))
        film(2.0)
        moving = animation([picture for picture, _ in frames], [length for _, length in frames])
        (ROOT / ".e2e").mkdir(exist_ok=True)
        (ROOT / ".e2e" / "neovim-animation.svg").write_text(moving, encoding="utf-8")

        line = terminal.screen.display[terminal.screen.cursor.y].rstrip()
        assert line == whole
