"""Searching leaves no trace in the workspace: the kernel is asked, which misses nothing."""

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lsp_server.conftest import Servers
from tests.lsp_server.fixes.test_fixes_wire import (
    CAPABILITIES,
    TEXT,
    UNUSED,
    make_workspace,
    menu,
)

RESOLVES = 100
# inotify(7): IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE,
# IN_DELETE, IN_DELETE_SELF, IN_MOVE_SELF: all but opening, reading and closing.
CHANGES = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800
EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name behind it

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


class Watch:
    """What happens to a folder and those inside from now on."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for place in (folder, *(one for one in folder.rglob("*") if one.is_dir())):
            assert libc.inotify_add_watch(self.descriptor, bytes(place), CHANGES) > 0

    def events(self) -> list[str]:
        """Return the names that something has happened to since the last call."""
        try:
            data = os.read(self.descriptor, 1 << 16)
        except BlockingIOError:
            return []
        names = []
        while data:
            length = EVENT.unpack_from(data)[3]
            names.append(data[EVENT.size : EVENT.size + length].rstrip(b"\0").decode())
            data = data[EVENT.size + length :]
        return names


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A package with a file that is open, and a folder that tools like to fill."""
    folder = make_workspace(tmp_path)
    (folder / "package" / "__pycache__").mkdir(parents=True)
    (folder / "package" / "app.py").write_text("saved = 1\n")
    return folder


@pytest.fixture
def watch(workspace: Path) -> Iterator[Watch]:
    """A watch of it."""
    made = Watch(workspace)
    yield made
    os.close(made.descriptor)


def test_the_watch_sees_what_comes_and_goes(watch: Watch, workspace: Path) -> None:
    """A file that is there for a moment would be noticed, also in a folder below."""
    passing = workspace / "package" / "passing"
    passing.write_text("")
    passing.unlink()

    assert set(watch.events()) == {"passing"}
    assert watch.events() == []


def test_the_workspace_sees_nothing(
    watch: Watch, workspace: Path, servers: Servers, tmp_path: Path
) -> None:
    """100 resolves, each of another version of unsaved text."""
    client = servers.stdio(tmp_path / "no-model")
    client.initialize(rootUri=workspace.as_uri(), capabilities=CAPABILITIES)
    uri = (workspace / "package" / "app.py").as_uri()
    resolved = 0
    for number in range(RESOLVES):
        client.open(uri, f"{TEXT}# {number}\n")
        action = menu(client, uri, 0, UNUSED)[-1]
        resolved += bool(client.result("codeAction/resolve", action).get("edit"))

    assert resolved == RESOLVES
    assert watch.events() == []
