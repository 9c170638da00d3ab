"""What an edit does to the statements of a file: deletes some, or binds a name that was missing."""

import ast
import difflib
import re
from collections import Counter
from functools import lru_cache
from typing import Final

from lsp_server.document import Document
from lsp_server.syntax.silence import silenced

_COMMENT_LINE: Final = re.compile(
    r"\s*(?:#(?!include|define|if|endif|else|\[)|//|/\*|\*[ /]|--|<!--)"
)
_WORD: Final = re.compile(r"[^\W\d]\w*|\d+")
_FILLER: Final = frozenset({"pass"})
_MAX_COMPARED_LINES: Final = 20_000


@lru_cache(maxsize=4)  # the text before the edit is asked for again and again
def tree_of(document: Document) -> ast.Module | None:
    """Return the syntax tree of a Python text, None if CPython does not take it."""
    if document.language != "python":
        return None
    try:
        with silenced():
            return ast.parse(document.text().encode("utf-8", "replace"))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def deletes_statement(before: Document, after: Document) -> bool:
    """Tell whether an edit takes a statement away or makes it a comment.

    Where both texts parse as Python their statements are counted, imports by the names that they
    bring; `pass` and bare strings count nothing. Otherwise the lines that hold code are.
    """
    old_tree, new_tree = tree_of(before), tree_of(after)
    if old_tree is not None and new_tree is not None:
        return _num_statements(new_tree) < _num_statements(old_tree)
    return _loses_lines(before, after)


def keeps_words(before: Document, after: Document) -> bool:
    """Tell whether at least half of the words on the changed lines are still there.

    An edit that writes something else in place of a statement has deleted it.
    """
    old_lines, new_lines = _differing_lines(before, after)
    old, new = (Counter(_WORD.findall("\n".join(lines))) for lines in (old_lines, new_lines))
    return 2 * (old & new).total() >= old.total()


def num_bindings(tree: ast.Module, name: str) -> int:
    """Return how often a Python text binds a name in another way than by an import.

    The first parameter of a method may be missing like any word, so `self` and `cls` do not count.
    """
    receivers = {
        id(function.args.args[0])
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for function in owner.body
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.args.args
    }
    return sum(_binds(node, name) for node in ast.walk(tree) if id(node) not in receivers)


def imported_modules(tree: ast.Module) -> Counter[str]:
    """Return the modules that a Python text imports, with the dots of relative ones in front."""
    found: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found["." * node.level + (node.module or "")] += 1
    return found


def _num_statements(tree: ast.Module) -> int:
    return sum(map(_weight, ast.walk(tree)))


def _weight(node: ast.AST) -> int:
    match node:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return len(names)
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return 0
    return int(isinstance(node, ast.stmt))


def _binds(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Name(id=found, ctx=ast.Store()) | ast.Attribute(attr=found, ctx=ast.Store()):
            return found == name
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.ExceptHandler():
            return node.name == name
        case ast.MatchAs() | ast.MatchStar():
            return node.name == name
        case ast.MatchMapping(rest=found) | ast.arg(arg=found):
            return found == name
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return name in names
    return False


def _loses_lines(before: Document, after: Document) -> bool:
    old_lines, new_lines = _differing_lines(before, after)
    return _num_code_lines(new_lines) < _num_code_lines(old_lines)


def _num_code_lines(lines: list[str]) -> int:
    return sum(
        # Brackets and semicolons alone are no statement.
        _WORD.search(line) is not None
        and line.strip() not in _FILLER
        and not _COMMENT_LINE.match(line)
        for line in lines
    )


def _differing_lines(before: Document, after: Document) -> tuple[list[str], list[str]]:
    """Return the lines that only one of two texts has."""
    old, new = before.lines, after.lines
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    if max(len(old), len(new)) > _MAX_COMPARED_LINES:
        return list(old), list(new)
    gone: list[str] = []
    come: list[str] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag != "equal":
            gone += old[old_start:old_end]
            come += new[new_start:new_end]
    return gone, come
