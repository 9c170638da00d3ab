"""Every part says the same version."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXTENSION = ROOT / "vscode-extension"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


@pytest.mark.parametrize("name", ["package.json", "package-lock.json"])
def test_the_vs_code_extension(name: str) -> None:
    """Its manifest and its lock file."""
    stated = json.loads((EXTENSION / name).read_text("utf-8"))

    assert stated["version"] == VERSION
    assert stated.get("packages", {}).get("", stated)["version"] == VERSION


def test_the_neovim_plugin() -> None:
    """Its health check compares this one with the program's."""
    text = (ROOT / "nvim" / "lua" / "mixline" / "version.lua").read_text("utf-8")

    assert re.findall(r'^return "(.+)"$', text, re.MULTILINE) == [VERSION]
