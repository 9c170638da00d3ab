"""A variable or an import that nothing uses: the rules that ask for a deletion."""

import ast
from collections.abc import Iterator
from typing import Final

from lsp_server.document import Point
from lsp_server.fixes.candidate import Candidate, Change, Origin
from lsp_server.fixes.candidates.site import Site
from lsp_server.fixes.kinds import Kind, named_in

_PURE: Final = frozenset(
    {
        *("len", "int", "str", "float", "bool", "list", "dict", "set", "tuple", "frozenset"),
        *("sorted", "min", "max", "sum", "range", "repr", "abs", "isinstance", "type", "id"),
    }
)
_KEPT: Final = 1.0  # that the value is still to be computed


def unused_variable(site: Site) -> Iterator[Candidate]:
    """Yield the removal of an assignment; where its value has effects, of its target alone."""
    if site.kind is not Kind.UNUSED_VARIABLE or site.tree is None:
        return
    _, name = site.word
    for node in site.nodes(ast.Assign, ast.AnnAssign, ast.ExceptHandler):
        match node:
            case ast.ExceptHandler(name=bound, type=type_) if (
                bound == name and node.lineno - 1 == site.row and type_ is not None
            ):
                yield from _without_name(site, type_, name)
            case (
                ast.Assign(targets=[ast.Name() as target], value=value)
                | ast.AnnAssign(target=ast.Name() as target, value=value)
            ) if target.id == name and site.covers(node) and value is not None:
                yield from _without_assignment(site, node, value, name)
    for node in site.nodes(ast.withitem):
        match node:
            case ast.withitem(optional_vars=ast.Name(id=bound) as target) if (
                bound == name and target.lineno - 1 == site.row
            ):
                start = site.end_of(node.context_expr)
                if start.line == site.row:
                    yield site.replaced(
                        f"Remove the name `{name}`", start, site.end_of(target), "", 0.0
                    )


def unused_import(site: Site) -> Iterator[Candidate]:
    """Yield the removal of one name from an import statement, or of the whole."""
    if site.kind is not Kind.UNUSED_IMPORT or site.tree is None:
        return
    quoted = {one.rpartition(".")[2] for one in (site.word[1], *named_in(site.diagnostic))}
    for node in site.nodes(ast.Import, ast.ImportFrom):
        if not isinstance(node, ast.Import | ast.ImportFrom) or not site.covers(node):
            continue
        for index, alias in enumerate(node.names):
            if not quoted & {alias.asname, alias.name, alias.name.rpartition(".")[2]}:
                continue
            title = f"Remove the unused import `{alias.asname or alias.name}`"
            if len(node.names) == 1:
                if _stands_alone(site, node):
                    yield site.line_removed(title, node.lineno - 1, (node.end_lineno or 1) - 1, 0.0)
                continue
            first, last = alias, alias
            if index + 1 < len(node.names):
                start, end = _point(site, first, 0), _point(site, node.names[index + 1], 0)
            else:
                start, end = _point(site, node.names[index - 1], 1), _point(site, last, 1)
            changes = (Change(start=start, end=end, text=""),)
            yield Candidate(title=title, changes=changes, origin=Origin.ENUMERATED)


def _without_name(site: Site, type_: ast.expr, name: str) -> Iterator[Candidate]:
    start = site.end_of(type_)
    line = site.lines[start.line]
    at = line.find(name, start.column)
    if at >= 0:
        end = Point(start.line, at + len(name))
        between = line[start.column : at]
        keep = between[: between.rfind(")") + 1] if ")" in between else ""
        yield site.replaced(f"Remove the name `{name}`", start, end, keep, 0.0)


def _without_assignment(
    site: Site, node: ast.Assign | ast.AnnAssign, value: ast.expr, name: str
) -> Iterator[Candidate]:
    title = f"Remove the unused variable `{name}`"
    pure = not any(_has_effects(inner) for inner in ast.walk(value))
    if pure and _stands_alone(site, node) and not _is_only_statement(site, node):
        yield site.line_removed(title, node.lineno - 1, (node.end_lineno or 1) - 1, 0.0)
    if not pure:
        start, end = site.start_of(node), site.start_of(value)
        yield site.replaced(title, start, end, "", _KEPT)


def _has_effects(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name not in _PURE
        case ast.Call() | ast.Await() | ast.Yield() | ast.YieldFrom() | ast.NamedExpr():
            return True
    return False


def _stands_alone(site: Site, node: ast.stmt) -> bool:
    """Tell whether a statement has its lines to itself."""
    start, end = site.start_of(node), site.end_of(node)
    behind = site.lines[end.line][end.column :].strip()
    return not site.lines[start.line][: start.column].strip() and (
        not behind or behind.startswith("#")
    )


def _is_only_statement(site: Site, node: ast.stmt) -> bool:
    return any(
        len(block) == 1 and block[0] is node
        for parent in ast.walk(site.tree or ast.Module(body=[], type_ignores=[]))
        for name in ("body", "orelse", "finalbody")
        if isinstance(block := getattr(parent, name, None), list)
    )


def _point(site: Site, alias: ast.alias, end: int) -> Point:
    row = ((alias.end_lineno if end else alias.lineno) or 1) - 1
    return Point(row, site.column(row, (alias.end_col_offset if end else alias.col_offset) or 0))
