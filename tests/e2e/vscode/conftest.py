"""Fixtures: a real VS Code in a browser, with the packed extension and the shipped model."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
CACHE = Path(os.environ.get("MIXLINE_E2E_CACHE", ROOT / ".e2e"))
FAILURES = ROOT / ".e2e" / "failures"
EXTENSION = ROOT / "dist" / "mixline.vsix"
CHROMIUM = "/usr/bin/chromium"
# Behind the selected entry of an open list the class ends in -preview.
GHOST = ", ".join(
    f"{place} {part}"
    for place in (".editor-instance", ".notebookOverlay")
    for part in ("[class*='ghost-text-decoration']", ".suggest-preview-text .view-line")
)
USER_SETTINGS = {
    "files.hotExit": "off",
    "files.autoSave": "off",
    "workbench.startupEditor": "none",
    "workbench.colorTheme": "Default Dark Modern",
    "editor.minimap.enabled": False,
    "telemetry.telemetryLevel": "off",
    "chat.commandCenter.enabled": False,
    # While its list is open Tab takes the list's entry; the tests of the list use plain text.
    "[python]": {"editor.wordBasedSuggestions": "off"},
    "chat.disableAIFeatures": True,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeServer:
    """The program behind the browser's windows."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path  # of its data

    def log(self) -> str:
        """Return what the extension has logged, in all windows."""
        files = sorted(self.folder.glob("data/logs/**/mixline.mixline/*.log"))
        return "\n".join(file.read_text("utf-8") for file in files)

    def language_servers(self) -> list[int]:
        """Return the processes of our language server that descend from this program."""
        parents: dict[int, int] = {}
        commands: dict[int, bytes] = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                commands[int(entry.name)] = (entry / "cmdline").read_bytes()
                stat = (entry / "stat").read_text()
                parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])

        def is_ours(pid: int) -> bool:
            while pid in parents:
                pid = parents[pid]
                if pid == self.process.pid:
                    return True
            return False

        return [pid for pid, line in commands.items() if b"\0serve\0" in line and is_ours(pid)]


@pytest.fixture(scope="session")
def start_code_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., CodeServer]]:
    """Return a function that starts VS Code's server with the extension and nothing else of ours.

    `path` is what programs are searched in; `options` are those of code-server; `settings` are
    the machine's, where those belong that name programs.
    """
    started = []

    def start(path: str, *options: str, settings: Mapping[str, object] | None = None) -> CodeServer:
        server = _start(tmp_path_factory.mktemp("vscode"), path, options, settings or {})
        started.append(server)
        _wait_for_port(server)
        return server

    yield start
    for server in started:
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()


@pytest.fixture(scope="session")
def code_server(start_code_server: Callable[..., CodeServer]) -> CodeServer:
    """Start it with `mixline` on PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return start_code_server(path, "--disable-workspace-trust")


def _start(
    folder: Path, path: str, options: tuple[str, ...], machine_settings: Mapping[str, object]
) -> CodeServer:
    program = CACHE / "vscode" / "code-server"
    for needed in (program, EXTENSION):
        assert needed.is_file(), f"{needed} is missing; run: make e2e"
    for place, settings in (("User", USER_SETTINGS), ("Machine", machine_settings)):
        file = folder / "data" / place / "settings.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(settings), encoding="utf-8")
    # VS Code asks the login shell for its variables, and /etc/profile may set PATH anew.
    (folder / ".bash_profile").write_text(f"export PATH={path!r}\n", encoding="utf-8")
    environment = {
        **os.environ,
        "HOME": str(folder),
        "SHELL": "/bin/bash",
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_DATA_HOME": str(folder / "share"),
        "PATH": path,
        # The machine's own settings of pip, though this home has none.
        "PIP_CONFIG_FILE": str(Path("~/.config/pip/pip.conf").expanduser()),
        "PIP_CACHE_DIR": str(Path("~/.cache/pip").expanduser()),
    }
    places = ["--user-data-dir", str(folder / "data"), "--extensions-dir", str(folder / "ext")]
    subprocess.run(
        [str(program), *places, "--install-extension", str(EXTENSION), "--force"],
        check=True,
        env=environment,
        capture_output=True,
    )
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            [
                *(str(program), *places, "--bind-addr", f"127.0.0.1:{port}", "--auth", "none"),
                *("--disable-telemetry", "--disable-update-check", *options),
                *("--disable-getting-started-override", "--reconnection-grace-time", "2"),
            ],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return CodeServer(process=process, port=port, folder=folder)


def _wait_for_port(server: CodeServer) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, urllib.error.URLError):
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=5).close()
            return
        time.sleep(0.1)
    raise AssertionError((server.folder / "output.log").read_text("utf-8"))


class Window:
    """A window of VS Code on one workspace, and waiting for what it shows."""

    ghost_parts = GHOST

    def __init__(self, page: Any, server: CodeServer, workspace: Path) -> None:
        self.page = page
        self.server = server
        self.workspace = workspace
        self.file = workspace / "none"

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
        """Make these the workspace's settings, and wait until VS Code has seen it."""
        folder = self.workspace / ".vscode"
        folder.mkdir(exist_ok=True)
        (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        self.page.wait_for_timeout(1500)

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
        """Wait for the server, and until VS Code has begun to ask for ghost text."""
        try:
            self.wait_for("ready server", lambda: "Mixline is ready" in self.status(), 180)
        except AssertionError:
            self.keep_evidence("wait_until_ready")
            raise
        # It asks in the first editor only once it has been idle for a while.
        self.open("first.txt", "first\n" * 3)
        self.page.wait_for_timeout(6000)
        self.close_editor()

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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start Chromium."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (only `make e2e` installs it)

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def new_window(
    browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[CodeServer], Window]]:
    """Return a function that opens a window on a new workspace, whatever it shows then."""
    contexts = []

    def open_one(server: CodeServer, workspace: Path | None = None) -> Window:
        workspace = workspace or tmp_path_factory.mktemp("workspace")
        context = browser.new_context(viewport={"width": 1000, "height": 640})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        folder = urllib.parse.quote(str(workspace))
        page.goto(f"http://127.0.0.1:{server.port}/?folder={folder}")
        page.locator(".monaco-workbench .part.statusbar").wait_for(timeout=180_000)
        return Window(page, server, workspace)

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def open_window(
    code_server: CodeServer, new_window: Callable[[CodeServer], Window]
) -> Callable[[], Window]:
    """Return a function that opens a window on a new workspace and waits until it is ready."""

    def open_one() -> Window:
        window = new_window(code_server)
        window.wait_until_ready()
        return window

    return open_one


@pytest.fixture(scope="module")
def shared_window(open_window: Callable[[], Window]) -> Window:
    """Open one window for the tests of a file: it takes ten seconds."""
    return open_window()


@pytest.fixture
def window(shared_window: Window, request: pytest.FixtureRequest) -> Iterator[Window]:
    """Return the shared window with no editor open; keep its picture and log if the test fails."""
    yield shared_window
    if getattr(request.node, "failed", False):
        shared_window.keep_evidence(request.node.name)
    shared_window.press("Escape", "Escape")
    shared_window.close_editor()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Let the fixture above see that its test has failed."""
    report = yield
    if report.failed:
        item.failed = True  # type: ignore[attr-defined]
    return report
