"""GitIgnore: git's rules without git, and hostile rules without harm."""

import time
from pathlib import Path

import pytest

from lsp_server.context.gitignore import GitIgnore, compile_patterns


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    top = tmp_path / "work"
    (top / ".git" / "info").mkdir(parents=True)
    (top / "src" / "deep").mkdir(parents=True)
    return top


def test_rules_of_the_nearest_file_win(folder: Path) -> None:
    """A deeper .gitignore takes back what one above it ignores."""
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "src" / ".gitignore").write_text("!keep.log\n")
    rules = GitIgnore(folder)

    assert rules.ignores(folder / "src/a.log")
    assert not rules.ignores(folder / "src/deep/keep.log")
    assert rules.ignores(folder / "keep.log")
    assert not rules.ignores(folder / "src/a.py")


def test_an_ignored_folder_takes_everything_along(folder: Path) -> None:
    """As in git, nothing inside of an ignored folder can be taken back."""
    (folder / ".gitignore").write_text("build/\n!build/keep.py\n")
    rules = GitIgnore(folder)

    assert rules.ignores(folder / "build/keep.py")


def test_rules_above_the_workspace_folder_and_private_ones_count(folder: Path) -> None:
    """The repository may begin above the folder; .git/info/exclude and the user's rules count."""
    (folder / ".gitignore").write_text("/src/secret.py\n")
    (folder / ".git/info/exclude").write_text("private.py\n")
    config = folder.parent / "config" / "git"
    config.mkdir(parents=True)
    (config / "ignore").write_text("*.swp\n")
    rules = GitIgnore(folder / "src")

    assert rules.ignores(folder / "src/secret.py")
    assert rules.ignores(folder / "src/private.py")
    assert rules.ignores(folder / "src/a.swp")
    assert not rules.ignores(folder / "src/a.py")


def test_changed_rules_are_read_again(folder: Path) -> None:
    """A rule that is added later counts from then on."""
    rules = GitIgnore(folder)
    assert not rules.ignores(folder / "a.py")

    (folder / ".gitignore").write_text("a.py\n")

    assert rules.ignores(folder / "a.py")


def test_intricate_patterns_end_quickly_and_ignore_more() -> None:
    """A pattern made to take for ever is broadened; a negated one is dropped."""
    started = time.monotonic()
    hostile = compile_patterns(["*a" * 30 + "b", "**/" * 30 + "x", "!" + "*a" * 30 + "b"])

    assert hostile.match_file("a" * 200)
    assert time.monotonic() - started < 60  # in place of years


def test_no_file_of_rules_is_no_error(folder: Path) -> None:
    """A folder in place of the file, or bytes that are no text, leave nothing ignored."""
    (folder / ".gitignore").mkdir()
    (folder / "src/.gitignore").write_bytes(b"\xff\xfe\x00\n")
    rules = GitIgnore(folder)

    assert not rules.ignores(folder / "src/a.py")
