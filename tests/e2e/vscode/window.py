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
        page.set_default_timeout(60_000)
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
        self.press("F1")
        self.page.keyboard.insert_text(f">{command}")
        row = self.page.locator(".quick-input-list .monaco-list-row", has_text=command).first
        row.click()

    def open(self, name: str, text: str, *, newline: str = "\n") -> None:
        """Open a new file of the given text, the cursor at its end."""
        self.show_file(name, text, newline=newline)
        self.page.locator(f'.editor-instance .monaco-editor[data-uri$="{name}"]').wait_for()
        self.press("Control+End")
        self.page.get_by_text(f"Ln {text.count(chr(10)) + 1}, ").wait_for()

    def show_file(self, name: str, text: str, *, newline: str = "\n") -> None:
        """Open a new file in whatever editor there is for its kind."""
        self.file = self.workspace / name
        self.file.write_text(text, encoding="utf-8", newline=newline)
        self.press("Control+p")
        self.page.keyboard.insert_text(str(self.file))
        self.page.locator(".quick-input-list .monaco-list-row", has_text=name).first.wait_for()
        self.press("Enter")

    def configure(self, settings: Mapping[str, object]) -> None:
        """Make these the workspace's settings, and wait until VS Code shows a title among them."""
        title = f"Settings {next(_titles)}"
        folder = self.workspace / ".vscode"
        folder.mkdir(exist_ok=True)
        text = json.dumps({**settings, "window.title": title})
        (folder / "settings.json").write_text(text, encoding="utf-8")
        self.wait_for("title of the new settings", lambda: title in self.page.title())

    def close_editor(self) -> None:
        """Close the editor, whatever is unsaved in it."""
        self.run("View: Revert and Close Editor")

    def ghost(self) -> str:
        """Return the ghost text on screen, "" if there is none."""
        parts = self.page.locator(GHOST).all_inner_texts()
        return "".join(parts).replace("\xa0", " ")

    def status(self) -> str:
        """Return what the item in the status bar tells."""
        item = self.page.locator('.statusbar-item[id="mixline.mixline.mixline.status"]')
        return item.get_attribute("aria-label") or "" if item.count() else ""

    def saved(self) -> str:
        """Save the file and return its last line."""
        before = self.file.stat().st_mtime_ns
        self.press("Control+s")
        self.wait_for("saved file", lambda: self.file.stat().st_mtime_ns != before)
        # VS Code empties the file, then fills it, then takes the mark from its tab.
        self.page.locator(".tab.active.dirty").wait_for(state="detached")
        return self.file.read_text("utf-8").split("\n")[-1]

    def wait_for(self, what: str, fact: Callable[[], Any], seconds: float = 60) -> Any:
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

    def wait_until_ready(self) -> None:
        """Wait for the server, and until VS Code has begun to ask for ghost text.

        By itself it begins some seconds after the first editor was opened; the command for it
        begins at once.
        """
        try:
            self.wait_for("ready server", lambda: "Mixline is ready" in self.status(), 180)
            self.open("first.py", SOURCE)
            self.wait_for("first ghost text", self._is_answered)
        except AssertionError:
            self.keep_evidence("wait_until_ready")
            raise
        self.close_editor()

    def _is_answered(self) -> bool:
        self.press("Alt+Backslash")
        with contextlib.suppress(AssertionError):  # whatever took the request away: once more
            self.wait_for("ghost text", self.ghost, 10)
        return bool(self.ghost())

    def close(self) -> None:
        """Close the window."""
        self.page.context.close()

    def keep_evidence(self, name: str) -> None:
        """Write a picture and the extension's log for whoever looks for the cause."""
        FAILURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=FAILURES / f"{name}.png")
        (FAILURES / f"{name}.log").write_text(self.server.log(), "utf-8")

    def stays(self, what: str, fact: Callable[[], Any], seconds: float = 1.5) -> None:
        """Fail as soon as `fact` is not so."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert fact(), f"{what} did not stay: ghost {self.ghost()!r}, {self.status()!r}"
            self.page.wait_for_timeout(50)
