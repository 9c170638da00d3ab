"""A coroutine that nobody awaits."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.candidates.site import Site
from lsp_server.fixes.kinds import Kind

_COROUTINE: Final = re.compile(r"Coroutine(?:Type)?\[|[Cc]oroutine|Awaitable")


def missing_await(site: Site) -> Iterator[Candidate]:
    """Yield `await` before the call that made the coroutine."""
    in_async = next(
        (node for node in site.around if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)),
        None,
    )
    if not isinstance(in_async, ast.AsyncFunctionDef):
        return
    if site.kind is not Kind.UNUSED_COROUTINE and not _COROUTINE.search(site.diagnostic.message):
        return
    for node in _unawaited(site, in_async):
        start, end = site.start_of(node), site.end_of(node)
        if site.kind is Kind.UNUSED_COROUTINE and not site.covers(node):
            continue
        behind = site.lines[end.line][end.column :].lstrip()
        away = abs(start.line - site.row) + (start.line > site.row)
        if behind.startswith((".", "[", "(")):
            old = _text(site, node)
            if start.line == end.line:
                yield site.replaced(
                    "Await the call", start, end, f"(await {old})", 0.5 + 0.2 * away
                )
            continue
        yield site.replaced("Await the call", start, start, "await ", 0.2 * away)


def _unawaited(site: Site, function: ast.AsyncFunctionDef) -> Iterator[ast.Call]:
    awaited = {id(node.value) for node in ast.walk(function) if isinstance(node, ast.Await)}
    names = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and site.row == node.lineno - 1
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and id(node) not in awaited:
            on_line = node.lineno - 1 <= site.row <= (node.end_lineno or node.lineno) - 1
            if on_line or _is_bound_to(function, node, names):
                yield node


def _is_bound_to(function: ast.AsyncFunctionDef, call: ast.Call, names: set[str]) -> bool:
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if value is call:
                return name in names
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is call:
                return name in names
    return False


def _text(site: Site, node: ast.Call) -> str:
    start, end = site.start_of(node), site.end_of(node)
    return site.lines[start.line][start.column : end.column]
