"""Admission: secrets never, files outside or ignored for themselves only, links resolved."""

from pathlib import Path

import pytest

from lsp_server.context.admission import Admission, AdmissionRules, path_of_uri
from lsp_server.context.secrets_list import SECRETS, SecretsList


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "src").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".gitignore").write_text("generated.py\n")
    (folder / "src/a.py").write_text("a\n")
    return folder


def test_a_file_of_the_workspace_is_context_for_others(workspace: Path) -> None:
    """Its path is shown relative to the folder."""
    admitted = AdmissionRules([workspace]).admit((workspace / "src/a.py").as_uri())

    assert (admitted.admission, admitted.path) == (Admission.WORKSPACE, "src/a.py")


def test_ignored_and_outside_files_stand_alone(workspace: Path) -> None:
    """They may be completed but are nobody else's context."""
    rules = AdmissionRules([workspace])

    assert rules.admit((workspace / "generated.py").as_uri()).admission is Admission.ALONE
    assert rules.admit((workspace.parent / "b.py").as_uri()).admission is Admission.ALONE
    assert rules.admit("untitled:Untitled-1").admission is Admission.ALONE


def test_a_link_counts_as_what_it_points_to(workspace: Path) -> None:
    """A link out of the workspace leads outside, a link to a key is a key."""
    (workspace.parent / "b.py").write_text("b\n")
    (workspace / "out.py").symlink_to(workspace.parent / "b.py")
    (workspace / "server.pem").write_text("key\n")
    (workspace / "notes.txt").symlink_to(workspace / "server.pem")
    rules = AdmissionRules([workspace])

    assert rules.admit((workspace / "out.py").as_uri()).admission is Admission.ALONE
    assert rules.admit((workspace / "notes.txt").as_uri()).admission is Admission.SECRET


@pytest.mark.parametrize(
    "path",
    [
        "/w/.env",
        "/w/.env.production",
        "/w/.ENV",
        "/w/deploy/server.PEM",
        "/home/u/.ssh/config",
        "/home/u/.aws/credentials",
        "/home/u/.netrc",
        "/w/secrets.yaml",
        "/w/config/credentials.json",
        "/w/.git/config",
        "/w/id_ed25519",
        "/etc/shadow",
    ],
)
def test_secrets_are_known_by_their_path(path: str) -> None:
    """Upper case, folders and suffixes included."""
    assert path in SecretsList()


@pytest.mark.parametrize(
    "path", ["/w/env.py", "/w/environment.ts", "/w/key.py", "/w/src/secretary.py", "/w/monkey.c"]
)
def test_ordinary_names_are_no_secrets(path: str) -> None:
    """A name that only sounds like a key is completed."""
    assert path not in SecretsList()


def test_a_user_can_add_secrets(workspace: Path) -> None:
    """Patterns of the setting count like the built-in ones, which stay."""
    rules = AdmissionRules([workspace], ["*.vault"])

    assert rules.admit("file:///w/a.VAULT").admission is Admission.SECRET
    assert rules.admit("file:///w/.env").admission is Admission.SECRET
    assert rules.admit("untitled:/w/.env").admission is Admission.SECRET


@pytest.mark.parametrize("pattern", SECRETS)
def test_every_pattern_matches_something(pattern: str) -> None:
    """No entry of the list is dead: its own name with the wildcards filled is a secret."""
    name = pattern.replace("*", "x").strip("/")

    assert f"/{name}/x" in SecretsList() if pattern.endswith("/") else f"/{name}" in SecretsList()


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a%20b/c.py", "/a b/c.py"),
        ("file://localhost/a.py", "/a.py"),
        ("file://server/share/a.py", None),
        ("file:///a%00b", None),
        ("untitled:a", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_only_local_files_have_a_path(uri: str, path: str | None) -> None:
    """Escapes are decoded; other machines, other schemes and NUL bytes give no path."""
    assert path_of_uri(uri) == (None if path is None else Path(path))


def test_a_loop_of_links_is_no_error(workspace: Path) -> None:
    """It leads nowhere, so it stands alone or in the workspace, but raises nothing."""
    (workspace / "loop.py").symlink_to(workspace / "loop.py")

    assert AdmissionRules([workspace]).admit((workspace / "loop.py").as_uri()) is not None
