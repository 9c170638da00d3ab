"""A window of VS Code in a browser: what is pressed in it, and waiting for what it shows."""

import contextlib
import itertools
import json
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.e2e.vscode.code_server import ROOT, CodeServer

FAILURES = ROOT / ".e2e" / "failures"
CHROMIUM = "/usr/bin/chromium"
# The last function repeats the others' shape, so that even a weak model and the match in the open
# file are sure of how the line goes on.
SOURCE = (Path(__file__).parents[1] / "handlers.txt").read_text("utf-8").removesuffix("\n")
WHOLE = '            raise ValueError(f"duplicate handler {name!r}")'
REST = 'ueError(f"duplicate handler {name!r}")'  # behind the letter that is typed
# Behind the selected entry of an open list the class ends in -preview.
GHOST = ", ".join(
    f"{place} {part}"
    for place in (".editor-instance", ".notebookOverlay")
    for part in ("[class*='ghost-text-decoration']", ".suggest-preview-text .view-line")
)
_titles = itertools.count(1)


def _plain(parts: list[str]) -> str:
    """Join texts in which VS Code shows blanks that do not break."""
    return "".join(parts).replace("\xa0", " ")


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Start the browser."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (only `make e2e` installs it)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


class Window:
    """A window of VS Code on one workspace, and waiting for what it shows."""

    ghost_parts = GHOST

    def __init__(self, page: Any, server: CodeServer, workspace: Path) -> None:
        self.page = page
        self.server = server
        self.workspace = workspace
        self.file = workspace / "none"

    @classmethod
    def open_on(cls, browser: Any, server: CodeServer, workspace: Path) -> "Window":
        """Open one, whatever it shows then."""
        page = browser.new_context(viewport={"width": 1000, "height": 640}).new_page()
        page.set_default_timeout(120_000)
        folder = urllib.parse.quote(str(workspace))
        page.goto(f"http://127.0.0.1:{server.port}/?folder={folder}")
        page.locator(".monaco-workbench .part.statusbar").wait_for(timeout=180_000)
        return cls(page, server, workspace)

    def press(self, *keys: str) -> None:
        """Press keys, each a name such as Control+s."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type characters, as fast as a quick typist."""
        self.page.keyboard.type(text, delay=30)

    def run(self, command: str) -> None:
        """Run a command from the palette by its title."""
        self._choose("F1", f">{command}", command)

    def answer(self, command: str, title: str) -> None:
        """Run a command that asks, and take the answer of that title from its list."""
        self._enter("F1", f">{command}", command)
        widget = self.page.locator(".quick-input-widget")
        widget.locator(".monaco-list-row", has_text=title).click()
        widget.wait_for(state="hidden")

    def _choose(self, key: str, words: str, title: str) -> None:
        """Take an entry from VS Code's quick input, and wait until that has gone."""
        self._enter(key, words, title)
        self.page.locator(".quick-input-widget").wait_for(state="hidden")

    def _enter(self, key: str, words: str, title: str) -> None:
        """Open VS Code's quick input by a key, and take the entry of that title from its list.

        Enter takes the focused entry, whatever the list has become since it was looked at.
        """
        widget = self.page.locator(".quick-input-widget")
        field = widget.locator(".quick-input-box input")
        self.press_until(key, "quick input", field.is_visible)
        field.fill(words)
        widget.locator(".monaco-list-row", has_text=title).first.wait_for()
        focused = widget.locator(".monaco-list-row.focused", has_text=title)
        if not focused.count():  # another title begins like it
            self.press_until("ArrowDown", f"focus on {title!r}", focused.count, 1)
        self.press("Enter")

    def choose(self, title: str) -> None:
        """Choose an action from VS Code's menu at the cursor, once it is there."""
        row = self.page.locator(".action-widget .monaco-list-row", has_text=title)
        # Opened before the search is over there is no menu, or one that stays as it is.
        self.press_until("Escape Control+.", f"{title!r} in the menu", row.count, 5)
        row.click()
        row.wait_for(state="hidden")

    def open(self, name: str, text: str, *, newline: str = "\n") -> None:
        """Open a new file of the given text, the cursor at its end."""
        self.show_file(name, text, newline=newline)
        self.page.locator(
            f'.editor-instance .monaco-editor.focused[data-uri$="/{name}"]'
        ).wait_for()
        self.press("Control+End")
        at = f"Ln {text.count(chr(10)) + 1}, Col {len(text.rpartition(chr(10))[2]) + 1}"
        self.page.locator('.statusbar-item[id="status.editor.selection"]', has_text=at).wait_for()

    def show_file(self, name: str, text: str, *, newline: str = "\n") -> None:
        """Open a new file in whatever editor there is for its kind."""
        self.file = self.workspace / name
        self.file.write_text(text, encoding="utf-8", newline=newline)
        self._choose("Control+p", str(self.file), name)

    def configure(self, settings: Mapping[str, object]) -> None:
        """Make these the workspace's settings, and wait until VS Code shows a title among them."""
        title = f"Settings {next(_titles)}"
        folder = self.workspace / ".vscode"
        folder.mkdir(exist_ok=True)
        text = json.dumps({**settings, "window.title": title})
        (folder / "settings.json").write_text(text, encoding="utf-8")
        self.wait_for("title of the new settings", lambda: title in self.page.title())

    def close_editor(self) -> None:
        """Close the editor if one is open, whatever is unsaved in it."""
        tabs = self.page.locator(".tabs-container .tab")
        before = tabs.count()
        if before:
            self.run("View: Revert and Close Editor")
            self.wait_for("closed editor", lambda: tabs.count() < before)

    def ghost(self) -> str:
        """Return the ghost text on screen, "" if there is none."""
        return _plain(self.page.locator(GHOST).all_inner_texts())

    def status(self) -> str:
        """Return what the item in the status bar tells."""
        item = self.page.locator('.statusbar-item[id="mixline.mixline.mixline.status"]')
        labels = item.evaluate_all("items => items.map(item => item.getAttribute('aria-label'))")
        return "".join(label or "" for label in labels)

    def wait_for_saved(self, fact: Callable[[str], bool]) -> str:
        """Save until the file's text is right, and return it: an edit may take its time."""
        # VS Code empties the file, then fills it, then takes the mark from its tab.
        unsaved = self.page.locator(".tab.active.dirty")

        def is_right() -> bool:
            return not unsaved.count() and fact(self.file.read_text("utf-8"))

        self.press_until("Control+s", "right text in the file", is_right, 3)
        return self.file.read_text("utf-8")

    def wait_for_saved_line(self, line: str) -> None:
        """Save until this is the file's last line."""
        self.wait_for_saved(lambda text: text.split("\n")[-1] == line)

    def wait_for_ghost(self, text: str) -> None:
        """Wait until exactly this is the ghost text."""
        self.wait_for(f"ghost text {text!r}", lambda: self.ghost() == text)

    def wait_for(self, what: str, fact: Callable[[], Any], seconds: float = 120) -> Any:
        """Return the first truthy value of `fact`, or fail saying what was waited for."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = fact()
            if value:
                return value
            self.page.wait_for_timeout(20)
        raise AssertionError(
            f"no {what} after {seconds} s; ghost {self.ghost()!r}, {self.status()!r}"
        )

    def press_until(self, keys: str, what: str, fact: Callable[[], Any], every: float = 10) -> None:
        """Press keys, such as "Escape Control+.", until something is so.

        What was pressed too early was lost, or its answer was taken away by something else.
        """

        def is_so() -> bool:
            self.press(*keys.split())
            with contextlib.suppress(AssertionError):
                self.wait_for(what, fact, every)
                return True
            return False

        self.wait_for(what, is_so)

    def wait_until_ready(self) -> None:
        """Wait for the server, and until VS Code has begun to ask for ghost text.

        By itself it begins some seconds after the first editor was opened; the command for it
        begins at once.
        """
        try:
            self.wait_for("ready server", lambda: "Mixline is ready" in self.status(), 600)
            self.open("first.py", SOURCE)
            self.press_until("Alt+Backslash", "first ghost text", self.ghost)
        except AssertionError:
            self.keep_evidence("wait_until_ready")
            raise
        self.close_editor()

    def close(self) -> None:
        """Close the window."""
        self.page.context.close()

    def keep_evidence(self, name: str) -> None:
        """Write a picture and the extension's log for whoever looks for the cause."""
        FAILURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=FAILURES / f"{name}.png")
        (FAILURES / f"{name}.log").write_text(self.server.log(), "utf-8")

    def wait_for_text(self, text: str) -> None:
        """Wait until the editor shows this text, ghost text included."""
        lines = self.page.locator(".editor-instance .view-lines")
        self.wait_for(f"text {text!r}", lambda: text in _plain(lines.all_inner_texts()))

    def stays(self, what: str, fact: Callable[[], Any], seconds: float = 1.5) -> None:
        """Fail as soon as `fact` is not so."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert fact(), f"{what} did not stay: ghost {self.ghost()!r}, {self.status()!r}"
            self.page.wait_for_timeout(50)
