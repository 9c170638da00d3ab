"""An attribute that an object does not have: the nearest ones that are known of anything."""

import ast
from collections.abc import Iterator
from typing import Final

from lsp_server.document import Point
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.candidates.nearness import near
from lsp_server.fixes.candidates.site import Site
from lsp_server.fixes.kinds import Kind, named_in
from lsp_server.fixes.names.stdlib import standard_library

_OF_OBJECT, _OF_FILE, _OF_WORKSPACE, _OF_LIBRARY = 0.0, 0.8, 1.6, 2.4
_MOST: Final = 12
_RECEIVERS: Final = frozenset({"self", "cls"})


def near_attributes(site: Site) -> Iterator[Candidate]:
    """Yield renamings to attributes of the object's module or class, then to any near one."""
    if site.kind is not Kind.UNKNOWN_ATTRIBUTE:
        return
    start, wrong = site.word
    if not wrong:
        return
    owner = _object(site, start)
    pools = [(_OF_OBJECT, _own(site, owner))]
    if site.tree is not None:
        attributes = (node.attr for node in ast.walk(site.tree) if isinstance(node, ast.Attribute))
        pools.append((_OF_FILE, frozenset(attributes)))
    pools.append((_OF_WORKSPACE, frozenset(site.names.attributes)))
    pools.append((_OF_WORKSPACE, site.names.all_members))
    pools.append((_OF_LIBRARY, frozenset[str]().union(*standard_library().members.values())))
    best: dict[str, float] = {}
    for extra, pool in pools:
        for cost, name in near(wrong, pool):
            best[name] = min(best.get(name, cost + extra), cost + extra)
    end = Point(start.line, start.column + len(wrong))
    for name, cost in sorted(best.items(), key=lambda item: item[1])[:_MOST]:
        yield site.replaced(f"Rename to `{name}`", start, end, name, cost)


def _object(site: Site, start: Point) -> str:
    """Return the name before the attribute's dot."""
    before = site.lines[start.line][: start.column].rstrip()
    if not before.endswith("."):
        return ""
    before = before[:-1].rstrip()
    length = 0
    while length < len(before) and (before[-1 - length].isalnum() or before[-1 - length] in "_."):
        length += 1
    return before[len(before) - length :]


def _own(site: Site, owner: str) -> frozenset[str]:
    """Return what the object before the dot has, as far as that is plain."""
    found = _imported(site, owner)
    # Checkers say which class or module it is.
    for name in named_in(site.diagnostic):
        found |= site.names.members(name)
    if owner in _RECEIVERS:
        for around in site.around:
            if isinstance(around, ast.ClassDef):
                found |= site.names.members(around.name) | _assigned(around)
    return frozenset(found)


def _imported(site: Site, owner: str) -> set[str]:
    """Return what a module or class has that the file imports under a name."""
    found: set[str] = set()
    for node in site.nodes(ast.Import, ast.ImportFrom):
        for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
            if (alias.asname or alias.name) != owner:
                continue
            module = alias.name
            if isinstance(node, ast.ImportFrom):
                found |= site.names.members(alias.name)
                base = "." * node.level + (node.module or "")
                module = f"{base}.{module}" if node.module else f"{base}{module}"
            found |= site.names.names_of(module, site.path) or frozenset()
    return found


def _assigned(owner: ast.ClassDef) -> set[str]:
    """Return the attributes that a class gives itself."""
    return {
        node.attr
        for node in ast.walk(owner)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in _RECEIVERS
        and isinstance(node.ctx, ast.Store)
    }
