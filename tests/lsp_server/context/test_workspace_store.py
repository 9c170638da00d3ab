"""The index follows the disk."""

import os
from pathlib import Path

import pytest

from lsp_server.context import workspace_store
from lsp_server.context.admission import AdmissionRules
from lsp_server.context.workspace_store import WorkspaceStore


def never() -> None:
    """Do not pause."""


class Workspace:
    """A folder with its store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.rules = AdmissionRules([self.folder])
        self.store = WorkspaceStore(never)

    def write(self, name: str, text: str = "value = 1\n") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def scan(self, *opened: str) -> list[str]:
        self.store.scan([self.folder], self.rules, [str(self.folder / name) for name in opened])
        return self.names()

    def follow(self, *paths: Path) -> list[str]:
        self.store.follow(paths, self.rules, ())
        return self.names()

    def names(self) -> list[str]:
        return sorted(os.path.relpath(key, self.folder) for key in self.store.index.keys)

    def finds(self, text: str) -> bool:
        return bool(self.store.index.view().longest(text, text, 1))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty folder."""
    return Workspace(tmp_path)


def test_new_changed_and_deleted_files_are_followed(workspace: Workspace) -> None:
    """By walking again, and by being told."""
    first, second = workspace.write("a.py"), workspace.write("deep/b.py")
    assert workspace.scan() == ["a.py", "deep/b.py"]
    first.write_text("other = 22\n")
    second.unlink()
    assert workspace.scan() == ["a.py"]
    assert workspace.finds("other =")
    assert not workspace.finds("value =")
    second.write_text("value = 3\n")
    first.unlink()
    assert workspace.follow(first, second) == ["deep/b.py"]
    second.rename(first)

    assert workspace.follow(first, second) == ["a.py"]
    assert workspace.finds("value =")


def test_a_folder_takes_its_files_along(workspace: Workspace) -> None:
    """Clients tell of the folder alone."""
    for name in ("deep/a.py", "deep/er/b.py", "deeper.py"):
        workspace.write(name)
    assert len(workspace.scan()) == 3
    (workspace.folder / "deep").rename(workspace.folder / "moved")

    assert workspace.follow(workspace.folder / "deep") == ["deeper.py"]
    assert workspace.scan() == ["deeper.py", "moved/a.py", "moved/er/b.py"]


def test_files_that_are_ignored_later_go(workspace: Workspace) -> None:
    """And come back with the rule."""
    workspace.write("a.py")
    workspace.write("notes.py")
    assert workspace.scan() == ["a.py", "notes.py"]
    rules = workspace.write(".gitignore", "notes.py\n.gitignore\n")
    workspace.store.readmit(workspace.rules)
    assert workspace.scan() == ["a.py"]
    rules.unlink()
    workspace.store.readmit(workspace.rules)

    assert workspace.scan() == ["a.py", "notes.py"]


def test_open_documents_are_not_read_from_disk(workspace: Workspace) -> None:
    """Their own text stays, even where the file is gone."""
    path = workspace.write("a.py", "disk = 1\n")
    workspace.store.put(str(path), "editor = 1\n")
    assert workspace.scan("a.py") == ["a.py"]
    path.unlink()
    assert workspace.scan("a.py") == ["a.py"]

    assert workspace.finds("editor =")
    assert not workspace.finds("disk =")


def test_the_nearest_files_have_room(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the open documents' kind, from their folder on; what was put counts too."""
    monkeypatch.setattr(workspace_store, "MAX_TOTAL_CHARACTERS", 45)
    names = ("a.js", "far/away/b.py", "near/c.py", "near/by/d.py", "near/e.js", "near/f.py")
    for name in names:
        workspace.write(name)
    opened = workspace.write("near/open.py")
    workspace.store.put(str(opened), "value = 1\n")

    assert workspace.scan("near/open.py") == [
        "near/by/d.py",
        "near/c.py",
        "near/f.py",
        "near/open.py",
    ]
    workspace.store.remove([str(opened)])
    opened.unlink()
    assert workspace.follow(workspace.folder / "far/away/b.py")[0] == "far/away/b.py"
