"""A name that nothing defines, and that an import would bring."""

import ast
from collections.abc import Iterator
from typing import Final

from lsp_server.fixes.candidate import Candidate, Origin
from lsp_server.fixes.candidates.import_place import insertion
from lsp_server.fixes.candidates.site import Site
from lsp_server.fixes.kinds import Kind
from lsp_server.fixes.names.of_file import Import

_MOST: Final = 6
_LACKS: Final = 6.0  # that a module has not the attributes that are used of it
_USED_ONCE: Final = 0.5
_DOTTED: Final = 0.2


def imports(site: Site) -> Iterator[Candidate]:
    """Yield imports of the missing name, at the place where the file would have them."""
    _, name = site.word
    if site.kind is not Kind.UNDEFINED_NAME or site.tree is None or not name:
        return
    used = {
        node.attr
        for node in ast.walk(site.tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    }
    uses = sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(site.tree))
    once = _USED_ONCE if uses == 1 else 0.0
    ways = []
    for cost, statement in site.names.ways_to_import(name, site.path):
        lacks = _LACKS if _lacks(site, statement, used) else 0.0
        ways.append((cost + once + lacks, statement))
    for submodule in sorted(used):
        dotted = f"{name}.{submodule}"
        plain = Import(name, "", "")
        if (
            any(statement == plain for _, statement in ways)
            and submodule not in site.names.bound_by(name)
            and site.names.names_of(dotted, site.path) is not None
        ):
            ways.append((_DOTTED + once, Import(dotted, "", "")))
    for cost, statement in sorted(ways)[:_MOST]:
        changes = insertion(site.lines, site.tree, statement, site.names)
        if changes:
            title = f"Import `{statement.bound}`"
            if statement.name:
                title += f" from `{statement.module}`"
            elif statement.alias:
                title = f"Import `{statement.module}` as `{statement.alias}`"
            yield Candidate(title=title, changes=changes, origin=Origin.ENUMERATED, cost=cost)


def _lacks(site: Site, statement: Import, used: set[str]) -> bool:
    """Tell whether what is imported has not all that is used of it."""
    if not used:
        return False
    if statement.name:
        has = site.names.members(statement.name)
        inner = f"{statement.module}.{statement.name}"
        has |= site.names.names_of(inner, site.path) or frozenset()
    else:
        has = site.names.names_of(statement.module, site.path) or frozenset()
    # Private names are on no list, and a list may lack some: most of what is used must be there.
    public = {one for one in used if not one.startswith("_")}
    return bool(has) and 2 * len(public - has) > len(public)
