"""Proves that two versions of a Python file are the same code but for one docstring."""

import ast

from lsp_server.syntax.python_tokens import code_tokens
from lsp_server.syntax.silence import silenced


def parses(text: str) -> bool:
    """Tell whether CPython's parser takes a file."""
    return _tree(text) is not None


def same_code(before: str, after: str) -> bool:
    """Tell whether two files have the same syntax tree once all docstrings are left out.

    Where CPython's parser does not take the first one (an error elsewhere, or a newer Python),
    their tokens are compared as tree-sitter sees them.
    """
    one = _tree(before)
    if one is not None:
        other = _tree(after)
        return other is not None and _bare(one) == _bare(other)
    tokens = code_tokens(before)
    return tokens is not None and tokens == code_tokens(after)


def _tree(text: str) -> ast.Module | None:
    with silenced():  # invalid escapes in strings are the file's own business
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _bare(tree: ast.Module) -> str:
    """Return a tree as text, without docstrings and places."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        first = node.body[0] if node.body else None
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            del node.body[0]
    return ast.dump(tree)
