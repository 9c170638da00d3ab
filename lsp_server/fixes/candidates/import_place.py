"""Where an import statement goes: into one of the same module, else sorted into its section.

Sections and order are those of PEP 8 and isort: `__future__`, standard library, third party, the
workspace's own, relative ones; inside a section as the file has them, plain imports first or not.
"""

import ast
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from lsp_server.document import Point
from lsp_server.fixes.candidate import Change
from lsp_server.fixes.names.known import Names
from lsp_server.fixes.names.of_file import Import
from lsp_server.fixes.names.stdlib import standard_library

_Statement: TypeAlias = ast.Import | ast.ImportFrom
_FUTURE, _STANDARD, _INSTALLED, _OWN, _RELATIVE = range(5)
_LONGEST_LINE: Final = 88
_DEFINITIONS: Final = ("class ", "def ", "async def ", "@")
_BLANKS_BEFORE_DEFINITION: Final = 2
_NAMES: Final = re.compile(r"(from\s+[.\w]+\s+import\s+)([\w ,]+)")


def insertion(
    lines: Sequence[str], tree: ast.Module, statement: Import, names: Names
) -> tuple[Change, ...]:
    """Return the change that adds an import to a file.

    Args:
        lines: of the file, without their ends.
        tree: of the file.
        statement: the import.
        names: tell whose a module is.
    """
    block = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    if statement.name:
        for node in block:
            if isinstance(node, ast.ImportFrom) and _module(node) == statement.module:
                change = _joined(lines, node, statement)
                if change is not None:
                    return (change,)
    row, before, behind = _row(lines, tree, block, statement, names)
    text = "\n" * before + _text(statement) + "\n" * (1 + behind)
    if row >= len(lines):
        last = len(lines) - 1
        return (_inserted(last, len(lines[last]), "\n" + text.rstrip("\n")),)
    return (_inserted(row, 0, text),)


def _joined(lines: Sequence[str], node: ast.ImportFrom, statement: Import) -> Change | None:
    """Return the change that adds a name to a statement that imports from the same module."""
    new = statement.name + (f" as {statement.alias}" if statement.alias else "")
    listed = [(alias.name, alias) for alias in node.names]
    if listed[0][0] == "*":
        return None
    key = _name_key([name for name, _ in listed])
    before = next((alias for name, alias in listed if key(name) > key(statement.name)), None)
    first, last = listed[0][1], listed[-1][1]
    several = (node.end_lineno or node.lineno) != node.lineno
    if before is None:
        row, column = (last.end_lineno or 1) - 1, last.end_col_offset or 0
        if several and last.lineno != first.lineno:
            indent = lines[row][: len(lines[row]) - len(lines[row].lstrip())]
            return _inserted(row, column, f",\n{indent}{new}")
        room = len(lines[row]) + len(new) + 2 <= _LONGEST_LINE
        return _inserted(row, column, f", {new}") if room or several else None
    row, column = before.lineno - 1, before.col_offset
    if several and not lines[row][:column].strip():
        return _inserted(row, column, f"{new},\n{lines[row][:column]}")
    room = len(lines[row]) + len(new) + 2 <= _LONGEST_LINE
    return _inserted(row, column, f"{new}, ") if room or several else None


def _name_key(names: list[str]) -> Callable[[str], tuple[int, str]]:
    def by_case(name: str) -> tuple[int, str]:
        return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)

    def plain(name: str) -> tuple[int, str]:
        return 0, name.lower()

    for key in (by_case, plain):
        if all(key(one) <= key(other) for one, other in pairwise(names)):
            return key
    return by_case


def _row(
    lines: Sequence[str],
    tree: ast.Module,
    block: Sequence[_Statement],
    statement: Import,
    names: Names,
) -> tuple[int, int, int]:
    """Return before which line the statement goes, and blank lines before and behind it."""
    if not block:
        row = _behind_head(lines, tree)
        empty = row >= len(lines) or not lines[row].strip()
        return row, int(row > 0 and bool(lines[row - 1].strip())), int(not empty)
    section = _section(statement.module, names)
    sections = [_section(_module(node), names) for node in block]
    same = [node for node, one in zip(block, sections, strict=True) if one == section]
    if same:
        key = _order(same)
        own = key(statement.module, bool(statement.name))
        for node in same:
            if key(_module(node), isinstance(node, ast.ImportFrom)) > own:
                return node.lineno - 1, 0, 0
        return same[-1].end_lineno or 1, 0, 0
    earlier = [node for node, one in zip(block, sections, strict=True) if one < section]
    later = [node for node, one in zip(block, sections, strict=True) if one > section]
    if earlier:
        return _behind_section(lines, earlier[-1], later[0] if later else None)
    return _before_section(lines, later[0])


def _before_section(lines: Sequence[str], next_one: _Statement) -> tuple[int, int, int]:
    """Return the place of a section that comes first."""
    row = next_one.lineno - 1
    blanks = 0
    while blanks < row and not lines[row - blanks - 1].strip():
        blanks += 1
    if blanks and blanks == row:
        return 0, 0, 0  # the file begins with the line that is to part the sections
    return (row - blanks + 1, 0, 0) if blanks > 1 else (row, 0, 1)


def _behind_section(
    lines: Sequence[str], last: _Statement, next_one: _Statement | None
) -> tuple[int, int, int]:
    """Return the place of a section that comes behind a statement."""
    row = last.end_lineno or 1
    blanks = 0
    while row + blanks < len(lines) and not lines[row + blanks].strip():
        blanks += 1
    follows = next_one is not None and next_one.lineno - 1 == row + blanks
    is_definition = row + blanks < len(lines) and lines[row + blanks].startswith(_DEFINITIONS)
    if blanks > (_BLANKS_BEFORE_DEFINITION if is_definition else 1):
        return row + 1, 0, 0  # between two sections there is room for one
    return row, 1, int(follows and not blanks)


def _behind_head(lines: Sequence[str], tree: ast.Module) -> int:
    """Return the first line behind the docstring, or behind comments at the top."""
    first = tree.body[0] if tree.body else None
    match first:
        case ast.Expr(value=ast.Constant(value=str())):
            row = first.end_lineno or 1
            return row + (row < len(lines) and not lines[row].strip())
    row = 0
    while row < len(lines) and lines[row].startswith("#"):
        row += 1
    if 0 < row < len(lines) and not lines[row].strip():
        row += 1
    return row


def _order(nodes: Sequence[_Statement]) -> Callable[[str, bool], tuple[bool | str, ...]]:
    def plain_first(module: str, is_from: bool) -> tuple[bool | str, ...]:
        return is_from, module.lower()

    def by_module(module: str, is_from: bool) -> tuple[bool | str, ...]:
        return module.lower(), is_from

    facts = [(_module(node), isinstance(node, ast.ImportFrom)) for node in nodes]
    mixed = [is_from for _, is_from in facts] != sorted(is_from for _, is_from in facts)
    return by_module if mixed else plain_first


def _section(module: str, names: Names) -> int:
    top = module.partition(".")[0]
    if module.startswith("."):
        return _RELATIVE
    if top == "__future__":
        return _FUTURE
    if top in standard_library().modules:
        return _STANDARD
    return _OWN if top in names.own_packages else _INSTALLED


def _module(node: _Statement) -> str:
    if isinstance(node, ast.Import):
        return node.names[0].name
    return "." * node.level + (node.module or "")


def _text(statement: Import) -> str:
    alias = f" as {statement.alias}" if statement.alias else ""
    if statement.name:
        return f"from {statement.module} import {statement.name}{alias}"
    return f"import {statement.module}{alias}"


def _inserted(row: int, column: int, text: str) -> Change:
    return Change(start=Point(row, column), end=Point(row, column), text=text)
