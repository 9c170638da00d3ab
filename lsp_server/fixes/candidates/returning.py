"""A function that does not return what it computes; a value that stands alone."""

import ast
from collections.abc import Iterator
from typing import Final

from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.candidates.site import Site
from lsp_server.fixes.kinds import Kind

_LAST: Final = 0.2
_PLAIN: Final = 0.5
_CALL: Final = 2.0
_NOT_LAST: Final = 1.5


def missing_return(site: Site) -> Iterator[Candidate]:
    """Yield `return` before the values that stand alone in the function around."""
    if site.kind not in {Kind.MISSING_RETURN, Kind.UNUSED_EXPRESSION} or site.tree is None:
        return
    function = _function(site)
    if function is None:
        return
    for parent in ast.walk(function):
        for block in _blocks(parent):
            for index, statement in enumerate(block):
                if not isinstance(statement, ast.Expr) or _says_nothing(statement.value):
                    continue
                if site.kind is Kind.UNUSED_EXPRESSION and not site.covers(statement):
                    continue
                last = index == len(block) - 1
                cost = _LAST if last else _NOT_LAST
                cost += _CALL if isinstance(statement.value, ast.Call | ast.Await) else _PLAIN
                if statement is function.body[-1]:
                    cost -= _PLAIN
                place = site.start_of(statement)
                yield site.replaced("Return the value", place, place, "return ", cost)


def _function(site: Site) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    for node in site.around:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return node
    for node in site.nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        # The complaint stands at the annotation.
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
            node.lineno - 1 <= site.row < node.body[0].lineno
        ):
            return node
    return None


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def _says_nothing(value: ast.expr) -> bool:
    """Tell whether an expression is a docstring, `...`, or something that yields."""
    if isinstance(value, ast.Yield | ast.YieldFrom):
        return True
    return isinstance(value, ast.Constant) and isinstance(value.value, str | type(...))
