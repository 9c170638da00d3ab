"""Files that were never opened, over the wire with the model that ships."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TIMEOUT_S = 60.0
LINE = "    registry = open_registry(settings.folder, wombat_limit=37)\n"
SECOND = LINE.replace("wombat_limit=37", "quokka_names=None")
BEFORE = "    check_folder(settings.folder)\n    log_opening(settings.folder)\n"
MODULE = f"def load_registry(settings):\n{BEFORE}{LINE}    return registry\n"
CURSOR_LINE = "    registry = open_registry(settings.folder, "
BEGUN = f"def read_everything(settings):\n{BEFORE}{CURSOR_LINE}"
REST = "wombat_limit=37)"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """An empty workspace folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def start(servers: Any, shipped_model: Path, work: Path) -> Callable[..., Any]:
    """Start a server over the folder, with a client that may watch files."""

    def begin(files: int, *, watches: bool = False) -> Any:
        client = servers.stdio(shipped_model)
        watching = {"didChangeWatchedFiles": {"dynamicRegistration": watches}}
        client.initialize(
            rootUri=work.as_uri(),
            capabilities={"textDocument": {"inlineCompletion": {}}, "workspace": watching},
        )
        client.wait_ready()
        wait(lambda: client.status()["workspace"]["files"] == files)
        return client

    return begin


def wait(fact: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + TIMEOUT_S
    while not fact():
        assert time.monotonic() < end
        time.sleep(0.02)


def suggested(client: Any, uri: str) -> str:
    """Open a document that has only begun and return what is suggested at its end."""
    client.open(uri, BEGUN)
    items = client.inline(uri, BEGUN.count("\n"), len(CURSOR_LINE), invoked=True)
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    return str(items[0]["insertText"]) if items else ""


def test_a_line_of_a_file_that_was_never_opened(start: Callable[..., Any], work: Path) -> None:
    """It is suggested, and no longer once another one stands there: by a save in the editor."""
    (work / "registry.py").write_text(MODULE)
    client = start(files=1)
    uri = (work / "new.py").as_uri()
    assert suggested(client, uri) == REST
    (work / "registry.py").write_text(MODULE.replace(LINE, SECOND))
    opened = (work / "registry.py").as_uri()
    client.open(opened, MODULE.replace(LINE, SECOND))
    client.notify("textDocument/didSave", {"textDocument": {"uri": opened}})

    wait(lambda: suggested(client, uri) == "quokka_names=None)")


def test_secret_and_ignored_files_are_never_suggested(
    start: Callable[..., Any], work: Path
) -> None:
    """Nor those outside the folder, linked or not."""
    (work / ".gitignore").write_text("generated/\n")
    for name in ("generated/registry.py", ".env", "secrets.json", "../outside.py"):
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text(MODULE)
    (work / "link.py").symlink_to(work / "../outside.py")
    (work / "seen.py").write_text("value = 1\n")
    client = start(files=2)

    assert "wombat" not in suggested(client, (work / "new.py").as_uri())


def test_changes_on_disk_are_told_by_the_client(start: Callable[..., Any], work: Path) -> None:
    """A client that can watch files is asked to; a renamed file goes on being known."""
    (work / "registry.py").write_text("value = 1\n")
    client = start(files=1, watches=True)
    registered = client.notification("client/registerCapability")["params"]["registrations"]
    assert [one["method"] for one in registered] == ["workspace/didChangeWatchedFiles"]
    (work / "registry.py").rename(work / "renamed.py")
    (work / "renamed.py").write_text(MODULE)
    client.notify(
        "workspace/didChangeWatchedFiles",
        {
            "changes": [
                {"uri": (work / "registry.py").as_uri(), "type": 3},
                {"uri": (work / "renamed.py").as_uri(), "type": 1},
            ]
        },
    )
    wait(lambda: suggested(client, (work / "new.py").as_uri()) == REST)

    assert client.status()["workspace"]["files"] == 1
