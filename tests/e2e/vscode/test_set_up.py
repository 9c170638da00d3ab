"""The first set-up, from a .vsix in a fresh VS Code on a machine without `mixline`."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.vscode.code_server import is_running
from tests.e2e.vscode.window import REST, SOURCE

pytestmark = pytest.mark.e2e

DIALOGUE = ".monaco-dialog-box"
RESTRICTED = ".part.banner:has-text('Restricted Mode')"
# Debian's python3 alone: venv without ensurepip, and no pip.
PYTHON = f"""#!/bin/sh
[ "$1" = -I ] || exec {shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")} "$@"
shift
exec {shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")} -I -c '
import runpy, sys
del sys.argv[0]
sys.modules.update(ensurepip=None, pip=None)
runpy.run_path(sys.argv[0], run_name="__main__")
' "$@"
"""
NO_INDEX = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",  # nobody listens there
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_RETRIES": "1",
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return where programs are: Debian's and its bare python3, no `mixline`."""
    python = tmp_path_factory.mktemp("bare") / "python3"
    python.write_text(PYTHON, encoding="utf-8")
    python.chmod(0o755)
    folders = [
        folder
        for folder in ("/usr/local/bin", "/usr/bin", "/bin")
        if shutil.which("mixline", path=folder) is None
    ]
    return os.pathsep.join([str(python.parent), *folders])


@pytest.fixture(scope="module")
def bare(new_code_server: Callable[..., Any], path: str) -> Any:
    """Start VS Code there; trust has to be given."""
    return new_code_server(path)


@pytest.fixture(scope="module")
def own_window(
    bare: Any, new_window: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Open a window on a workspace that is not trusted and names a program of its own."""
    workspace = tmp_path_factory.mktemp("untrusted")
    program = workspace / "mixline"
    program.write_text(f"#!/bin/sh\ntouch {workspace}/was-run\n", encoding="utf-8")
    program.chmod(0o755)
    settings = {"mixline.server.command": str(program), "mixline.model": str(workspace)}
    (workspace / ".vscode").mkdir()
    (workspace / ".vscode" / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    return new_window(bare, workspace)


@pytest.fixture
def shown(request: pytest.FixtureRequest) -> Iterator[Callable[[Any], Any]]:
    """Return a function that is told of the window; keep its picture and log if the test fails."""
    windows = []

    def show(window: Any) -> Any:
        windows.append(window)
        return window

    yield show
    if getattr(request.node, "failed", False) and windows:
        windows[-1].keep_evidence(request.node.name)


def environments(server: Any) -> list[str]:
    """Return what the set-up has left in the extension's folder."""
    storage = server.folder / "data" / "User" / "globalStorage" / "mixline.mixline"
    return sorted(path.name for path in storage.glob("*-*"))


def trust(window: Any) -> None:
    """Trust the workspace."""
    window.page.locator(RESTRICTED).get_by_text("Manage").click()
    editor = window.page.locator(".workspace-trust-editor")
    editor.get_by_role("button", name="Trust", exact=True).click()
    window.page.locator(RESTRICTED).wait_for(state="hidden")


def by_hand(window: Any) -> None:
    """Wait for the page that tells how to do it by hand."""
    window.page.locator(".tab", has_text="Installing Mixline by Hand").wait_for()
    text = window.page.locator(".editor-instance .view-lines").first
    window.wait_for("instructions", lambda: "uv\xa0tool\xa0install" in text.inner_text())


def test_accepted_at_once_there_is_ghost_text(
    bare: Any, new_window: Callable[..., Any], shown: Callable[[Any], Any]
) -> None:
    """Not asked while the workspace is not trusted; then one question, progress, ghost text."""
    window = shown(new_window(bare))
    page = window.page
    page.locator(RESTRICTED).wait_for()
    window.wait_for("state", lambda: "not set up" in window.status())
    window.stays("no dialogue", lambda: page.locator(DIALOGUE).count() == 0)

    trust(window)
    dialogue = page.locator(DIALOGUE, has_text="Set up Mixline's server?")
    dialogue.wait_for()
    assert "fetches about 57 MB from the package index that your pip is set to" in (
        dialogue.inner_text()
    )
    dialogue.get_by_role("button", name="Set It Up").click()
    window.wait_for("progress", lambda: "setting up its server" in window.status())
    page.locator(".notification-toast", has_text="setting up the server").wait_for()
    window.wait_until_ready()
    (made,) = environments(window.server)
    assert made.startswith("server-")
    window.open("first.py", SOURCE)
    window.type("l")

    window.wait_for_ghost(REST)


def test_an_untrusted_workspace_is_completed_and_runs_nothing_of_its_own(
    own_window: Any, shown: Callable[[Any], Any]
) -> None:
    """A program that its settings name is not started; ghost text comes all the same."""
    window = shown(own_window)
    window.page.locator(RESTRICTED).wait_for()
    window.wait_until_ready()
    window.open("untrusted.py", SOURCE)
    window.type("l")

    window.wait_for_ghost(REST)
    assert not (window.workspace / "was-run").exists()


def test_a_running_server_hears_of_trust(
    bare: Any, own_window: Any, shown: Callable[[Any], Any]
) -> None:
    """It is not started anew, and what the workspace names is not run either."""
    window = shown(own_window)
    before = set(bare.language_servers())
    assert "the workspace is trusted" not in bare.log()
    trust(window)
    window.wait_for("word of it", lambda: "the workspace is trusted" in bare.log())

    assert set(bare.language_servers()) == before
    assert not (window.workspace / "was-run").exists()


def test_a_killed_editor_leaves_no_server(
    bare: Any, own_window: Any, shown: Callable[[Any], Any]
) -> None:
    """VS Code's own server is killed, and nothing else: what it had started ends by itself."""
    window = shown(own_window)
    servers = bare.language_servers()
    assert servers
    os.kill(bare.process.pid, signal.SIGKILL)
    bare.process.wait()

    window.wait_for("end of all", lambda: not any(is_running(pid) for pid in servers))


def test_declined_or_offline_it_says_how_to_do_it_by_hand(
    new_code_server: Callable[..., Any],
    new_window: Callable[..., Any],
    shown: Callable[[Any], Any],
    path: str,
) -> None:
    """Declined it is not asked again, only on demand; without an index nothing is left behind."""
    server = new_code_server(path, "--disable-workspace-trust", environment=NO_INDEX)
    window = shown(new_window(server))
    page = window.page
    dialogue = page.locator(DIALOGUE, has_text="Set up Mixline's server?")
    dialogue.get_by_role("button", name="Install by Hand").click()
    by_hand(window)
    page.reload()
    window.wait_for("state", lambda: "not set up" in window.status())
    window.stays("no dialogue", lambda: page.locator(DIALOGUE).count() == 0)

    window.run("View: Close All Editors")
    window.run("Mixline: Set Up the Server…")
    dialogue.get_by_role("button", name="Set It Up").click()
    said = "the set-up has failed: the package index cannot be reached"
    page.locator(".notification-toast", has_text=said).wait_for(timeout=300_000)
    by_hand(window)
    window.wait_for("nothing left behind", lambda: environments(server) == [])
