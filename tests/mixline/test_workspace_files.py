"""What of a workspace may be learned from: the rules of the language server, file by file."""

import os
from pathlib import Path

import pytest

from mixline.workspace_files import workspace_files

TEXT = b"x = 1\n"


def put(root: Path, *names: str) -> None:
    """Write small files."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(TEXT)


def names_of(root: Path, max_bytes: int = 1000) -> list[str]:
    """Return the paths that are yielded."""
    return [path for path, _ in workspace_files(root, (".py", ".ts"), max_bytes)]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A repository with one plain file."""
    root = tmp_path / "workspace"
    (root / ".git").mkdir(parents=True)
    put(root, "src/a.py")
    return root


def test_source_files_are_yielded_with_their_contents(workspace: Path) -> None:
    """Paths are relative with "/", in a fixed order; other suffixes stay out."""
    put(workspace, "z.ts", "b.py", "readme.md", ".git/hooks.py")

    assert list(workspace_files(workspace, (".py", ".ts"), 1000)) == [
        ("b.py", TEXT),
        ("z.ts", TEXT),
        ("src/a.py", TEXT),
    ]


def test_ignored_files_stay_out(workspace: Path) -> None:
    """By the .gitignore of any folder."""
    put(workspace, "out/b.py", "src/local.py", "kept.py")
    (workspace / ".gitignore").write_text("out/\n")
    (workspace / "src/.gitignore").write_text("local.py\n")

    assert names_of(workspace) == ["kept.py", "src/a.py"]


def test_a_workspace_below_the_repository_obeys_its_rules(workspace: Path) -> None:
    """The .gitignore above counts."""
    put(workspace, "src/b.py")
    (workspace / ".gitignore").write_text("b.py\n")

    assert names_of(workspace / "src") == ["a.py"]


def test_secrets_stay_out(workspace: Path) -> None:
    """Names on the list, and a link that hides one behind another name."""
    put(workspace, "secrets.py", ".ssh/config.py")
    (workspace / "harmless.py").symlink_to(workspace / "secrets.py")

    assert names_of(workspace) == ["src/a.py"]


def test_links_that_lead_outside_stay_out(workspace: Path, tmp_path: Path) -> None:
    """Files and folders alike; a link within is the file itself, once."""
    put(tmp_path, "outside/b.py")
    (workspace / "b.py").symlink_to(tmp_path / "outside/b.py")
    (workspace / "folder").symlink_to(tmp_path / "outside")
    (workspace / "again.py").symlink_to(workspace / "src/a.py")
    (workspace / "loop.py").symlink_to(workspace / "loop.py")

    assert names_of(workspace) == ["src/a.py"]


def test_dependencies_stay_out(workspace: Path) -> None:
    """Even where nothing ignores them."""
    put(workspace, "node_modules/x/index.ts", ".venv/lib/b.py", "venv/lib/b.py")

    assert names_of(workspace) == ["src/a.py"]


def test_large_and_unreadable_files_stay_out(workspace: Path) -> None:
    """Nor does a pipe block the walk."""
    (workspace / "large.py").write_bytes(b"x" * 1001)
    os.mkfifo(workspace / "pipe.py")

    assert names_of(workspace) == ["src/a.py"]
