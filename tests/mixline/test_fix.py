"""`mixline fix` as a user meets it, with the real ruff."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TEXT = 'import os\r\nimport re\r\n\r\nprint("😋", re, sep=""); import sys\r\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[tool.ruff]\nlint.select = ["F"]\n')
    (folder / "app.py").write_bytes(TEXT.encode())
    return folder


def fix(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "mixline", "fix", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=folder,
    )


def fixes(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["fixes"]


def test_json_has_the_documented_keys(project: Path) -> None:
    """One object per fix; nothing is written."""
    first, second = fixes(fix("app.py", "--json", folder=project))

    assert first.keys() == {"diagnostic", "title", "edits", "verified_by", "source"}
    assert first["diagnostic"]["code"] == "F401"
    assert first["title"] == "Remove unused import: `os` - verified by ruff"
    assert first["verified_by"] == "ruff"
    assert first["source"] == "checker"
    assert first["edits"] == [
        {
            "range": {
                "start": {"line": 0, "character": 0},
                "end": {"line": 1, "character": 0},
            },
            "newText": "",
        }
    ]
    assert second["edits"][0]["range"]["start"] == {"line": 3, "character": 25}
    assert (project / "app.py").read_bytes() == TEXT.encode()
    assert {path.name for path in project.iterdir()} == {"app.py", "pyproject.toml"}


def test_apply_writes_what_was_verified(project: Path) -> None:
    """Each fix counts from the text that the last one has left; line ends and mode stay."""
    file = project / "app.py"
    file.chmod(0o640)
    done = fix("app.py", "--apply", folder=project)

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("2 fixes written\n")
    assert "-import os\n" in done.stdout
    assert file.read_bytes() == b'import re\r\n\r\nprint("\xf0\x9f\x98\x8b", re, sep=""); \r\n'
    assert file.stat().st_mode & 0o777 == 0o640
    assert fixes(fix("app.py", "--json", folder=project)) == []


def test_an_excluded_file_has_nothing_verified(project: Path) -> None:
    """Whatever our own parsers find there, no checker has agreed."""
    (project / "pyproject.toml").write_text('[tool.ruff]\nexclude = ["app.py"]\n')
    (project / "app.py").write_text("def f(config):\n    return confg\n")
    before = (project / "app.py").read_bytes()
    found = fixes(fix("app.py", "--json", folder=project))
    fix("app.py", "--apply", folder=project)

    assert all(one["verified_by"] is None for one in found)
    assert (project / "app.py").read_bytes() == before


def test_wrong_usage_is_one_sentence(project: Path) -> None:
    """A missing file is status 2."""
    done = fix("none.py", folder=project)

    assert done.returncode == 2
    assert done.stderr.startswith("mixline fix: expected a readable file")
    assert "Traceback" not in done.stderr
