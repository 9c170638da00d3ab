"""Names of a folder: admitted files, the unsaved text of open ones, changes on disk."""

import os
from pathlib import Path

import pytest

from lsp_server.fixes.names.folder import FolderNames


def test_files_of_the_folder_count(tmp_path: Path) -> None:
    """What is ignored or on the secrets list is nobody's; an open text stands for its file."""
    (tmp_path / "a.py").write_text("def old(): ...\n")
    (tmp_path / "b.py").write_text("def other(): ...\n")
    (tmp_path / "ignored.py").write_text("def hidden(): ...\n")
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    folder = FolderNames(tmp_path)

    names = folder.read({tmp_path / "a.py": "def new(): ...\n"})

    assert set(names.modules) == {"a", "b"}
    assert names.names_of("a", "c.py") == {"new"}
    assert folder.path_of(tmp_path / "x/y.py") == "x/y.py"


def test_changes_on_disk_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was saved again is read again once the folder is walked; a removed one goes."""
    file = tmp_path / "a.py"
    file.write_text("def old(): ...\n")
    (tmp_path / "b.py").write_text("")
    folder = FolderNames(tmp_path)
    assert folder.read({}).names_of("a", "b.py") == {"old"}
    file.write_text("def new(): ...\n")
    os.utime(file, ns=(1, 1))
    (tmp_path / "b.py").unlink()

    monkeypatch.setattr("lsp_server.fixes.names.folder._FRESH_S", -1.0)
    names = folder.read({})

    assert names.names_of("a", "b.py") == {"new"}
    assert set(names.modules) == {"a"}


def test_only_so_many_levels_are_read(tmp_path: Path) -> None:
    """Two of them: the folder's own files, and those of the folders in it."""
    for name in ("a.py", "one/b.py", "one/two/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")

    assert set(FolderNames(tmp_path, most_levels=2).read({}).modules) == {"a", "one.b"}
    assert len(FolderNames(tmp_path).read({}).modules) == 3
