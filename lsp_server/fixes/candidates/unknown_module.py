"""An import of what does not exist: the nearest modules, or the nearest names of the module."""

import ast
from collections.abc import Iterator
from typing import Final

from lsp_server.document import Point
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.candidates.nearness import Near, near
from lsp_server.fixes.candidates.site import Site
from lsp_server.fixes.kinds import Kind

_MOST: Final = 8


def near_modules(site: Site) -> Iterator[Candidate]:
    """Yield renamings of a module that cannot be found to one that exists."""
    if site.kind is not Kind.UNKNOWN_MODULE:
        return
    for node in site.nodes(ast.Import, ast.ImportFrom):
        if not isinstance(node, ast.Import | ast.ImportFrom) or not site.covers(node):
            continue
        wrongs = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            wrongs = [node.module]
        for wrong in wrongs:
            if site.names.module_exists(wrong, site.path):
                continue
            yield from _renamed(site, wrong, near(wrong, site.names.all_modules(site.path), _MOST))


def near_imported_names(site: Site) -> Iterator[Candidate]:
    """Yield renamings of an imported name that its module does not have."""
    start, wrong = site.word
    if site.kind is not Kind.UNKNOWN_ATTRIBUTE or not wrong:
        return
    for node in site.nodes(ast.ImportFrom):
        if not isinstance(node, ast.ImportFrom) or not site.covers(node):
            continue
        module = "." * node.level + (node.module or "")
        for cost, name in near(wrong, site.names.names_of(module, site.path) or (), _MOST):
            end = Point(start.line, start.column + len(wrong))
            yield site.replaced(f"Rename to `{name}`", start, end, name, cost)


def _renamed(site: Site, wrong: str, found: list[Near]) -> Iterator[Candidate]:
    column = site.lines[site.row].find(wrong)
    if column < 0:
        return
    start, end = Point(site.row, column), Point(site.row, column + len(wrong))
    for cost, name in found:
        yield site.replaced(f"Import from `{name}`", start, end, name, cost)
