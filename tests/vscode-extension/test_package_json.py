"""The extension's package.json offers what the server understands, with its ranges and defaults."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from lsp_server.settings import _READERS, Settings, parse_settings

ROOT = Path(__file__).parents[2]
PACKAGE = json.loads((ROOT / "vscode-extension" / "package.json").read_text("utf-8"))
PROPERTIES: dict[str, dict[str, Any]] = {
    name.removeprefix("mixline."): schema
    for group in PACKAGE["contributes"]["configuration"]
    for name, schema in group["properties"].items()
}
# But for those that the server is started with, or that are the client's (src/settings.ts there).
SERVER_PROPERTIES = {
    name: schema
    for name, schema in PROPERTIES.items()
    if name != "model" and not name.startswith(("server.", "trace."))
}


def accepts(name: str, value: object) -> bool:
    """Return whether the server takes a value."""
    return not parse_settings({name: value}, Settings())[1]


def numbers_around(schema: dict[str, Any]) -> list[tuple[float, bool]]:
    """Return the limits and what lies just beyond them, and whether the schema allows it."""
    step = 1 if schema["type"] == "integer" else 1e-6
    low, high = schema["minimum"], schema["maximum"]
    return [(low, True), (high, True), (low - step, False), (high + step, False)]


def test_names_are_the_servers() -> None:
    """Every setting of the server can be made in VS Code, and no other is offered."""
    assert set(SERVER_PROPERTIES) == set(_READERS)


@pytest.mark.parametrize("name", sorted(SERVER_PROPERTIES))
def test_default_is_the_servers(name: str) -> None:
    """A user who sets nothing gets what a client that sends nothing gets."""
    settings, problems = parse_settings({name: SERVER_PROPERTIES[name]["default"]}, Settings())

    assert problems == ()
    assert settings == Settings()


@pytest.mark.parametrize(
    "name", sorted(name for name, schema in SERVER_PROPERTIES.items() if "minimum" in schema)
)
def test_limits_are_the_servers(name: str) -> None:
    """VS Code marks as wrong exactly the numbers that the server refuses."""
    for value, allowed in numbers_around(SERVER_PROPERTIES[name]):
        assert accepts(name, value) is allowed, value


@pytest.mark.parametrize(
    "name", sorted(name for name, schema in SERVER_PROPERTIES.items() if "enum" in schema)
)
def test_choices_are_the_servers(name: str) -> None:
    """VS Code offers the values that the server lists when it refuses one."""
    schema = SERVER_PROPERTIES[name]
    _, (problem,) = parse_settings({name: "no such value"}, Settings())
    listed = re.search(r"expected one of (.*), got", problem)
    assert listed, problem

    assert listed.group(1).split(", ") == schema["enum"]
    assert len(schema["enumDescriptions"]) == len(schema["enum"])


@pytest.mark.parametrize(
    "value", ["1", "1.0", "0.5", ".5", "p0.8", "p1", "0", "p0", "0.0", "1.5", "2", "p", "half", ""]
)
def test_effort_pattern_is_the_servers(value: str) -> None:
    """VS Code marks as wrong exactly the efforts that the server refuses."""
    pattern = PROPERTIES["effort"]["pattern"]

    assert bool(re.search(pattern, value)) is accepts("effort", value)


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_every_setting_is_described(name: str) -> None:
    """The settings editor explains each setting."""
    schema = PROPERTIES[name]

    assert schema.get("description") or schema.get("markdownDescription")
    assert "default" in schema


def test_versions_agree() -> None:
    """The extension carries the version of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert PACKAGE["version"] == project["version"]


def test_lock_file_names_no_host() -> None:
    """Packages come from whatever registry the user's npm is set to."""
    lock = (ROOT / "vscode-extension" / "package-lock.json").read_text("utf-8")

    assert '"resolved": "http' not in lock
    assert '"integrity"' in lock
