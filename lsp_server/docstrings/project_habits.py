"""Reads a project's docstring convention, line length and the style of its other files."""

import configparser
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lsp_server.docstrings.content import Style
from lsp_server.docstrings.habits import ProjectHabits, count_styles

_MAX_FILES: Final = 24  # other files that are looked at
_MAX_BYTES: Final = 200_000  # of each, and of a configuration
_MAX_PARENTS: Final = 12
_WIDTHS: Final = range(40, 401)
_ROOTS: Final = (".git", ".hg", "pyproject.toml", "setup.cfg", "setup.py")


def read_project_habits(file: Path) -> ProjectHabits:
    """Return the habits of the project that a file is in; nothing is run, only data is read."""
    convention: Style | None = None
    width: int | None = None
    for folder in list(file.absolute().parents)[:_MAX_PARENTS]:
        found_convention, found_width = _configured(folder)
        convention, width = convention or found_convention, width or found_width
        if any((folder / name).exists() for name in _ROOTS):
            break
    style = None
    if convention is None:
        counts = _count_beside(file)
        style = counts.most_common(1)[0][0] if counts else None
    return ProjectHabits(convention=convention, width=width, style=style)


def _configured(folder: Path) -> tuple[Style | None, int | None]:
    convention: Style | None = None
    width: int | None = None
    for name in (".ruff.toml", "ruff.toml", "pyproject.toml"):
        table = _toml(folder / name)
        tool = _table(table, "tool") if name == "pyproject.toml" else {"ruff": table}
        ruff = _table(tool, "ruff")
        for section in (
            _table(_table(ruff, "lint"), "pydocstyle"),
            _table(ruff, "pydocstyle"),
            _table(tool, "pydocstyle"),
        ):
            convention = convention or _style(section.get("convention"))
        convention = convention or _style(_table(tool, "pydoclint").get("style"))
        if "numpydoc_validation" in tool:
            convention = convention or Style.NUMPY
        for value in (
            _table(_table(ruff, "lint"), "pycodestyle").get("max-doc-length"),
            ruff.get("line-length"),
            _table(tool, "black").get("line-length"),
        ):
            width = width or _width(value)
    for name in ("setup.cfg", "tox.ini", ".flake8", ".pydocstyle", ".pydocstyle.ini"):
        sections = _ini(folder / name)
        for key in ("pydocstyle", "flake8", "pycodestyle"):
            values = sections.get(key, {})
            convention = convention or _style(
                values.get("convention") or values.get("docstring-convention")
            )
            width = width or _width(values.get("max-doc-length") or values.get("max-line-length"))
    return convention, width


def _count_beside(file: Path) -> Counter[Style]:
    counts: Counter[Style] = Counter()
    try:
        others = sorted(one for one in file.absolute().parent.glob("*.py") if one != file)
    except OSError:
        return counts
    for other in others[:_MAX_FILES]:
        text = _text(other)
        # Every docstring-like string of the file counts; a stray one does not matter.
        counts += count_styles(text.split('"""')[1::2])
    return counts


def _text(file: Path) -> str:
    try:
        if not file.is_file() or file.stat().st_size > _MAX_BYTES:
            return ""
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _toml(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(_text(file))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _ini(file: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(_text(file))
        return {section: dict(parser.items(section)) for section in parser.sections()}
    except configparser.Error:
        return {}


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, Mapping) else {}


def _style(value: object) -> Style | None:
    return Style(value) if isinstance(value, str) and value in [*Style] else None


def _width(value: object) -> int | None:
    try:
        width = int(str(value))
    except ValueError:
        return None
    return width if width in _WIDTHS else None
