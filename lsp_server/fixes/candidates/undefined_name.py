"""A name that nothing defines: the nearest names that mean something at its place."""

import builtins
import keyword
from collections.abc import Iterator
from typing import Final

from lsp_server.document import Point
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.candidates.nearness import near
from lsp_server.fixes.candidates.site import Site
from lsp_server.fixes.kinds import Kind

_RENAME: Final = 1.0  # that a name was misspelt at all
_BUILTIN: Final = 1.0
_SHORTEST: Final = 2
_OF_MODULES: Final = frozenset({"__name__", "__file__", "__doc__", "__path__", "__package__"})
_WORDS: Final = _OF_MODULES.union(
    keyword.kwlist, (name for name in dir(builtins) if name[0] != "_")
)


def near_names(site: Site) -> Iterator[Candidate]:
    """Yield renamings to names of this file and to builtins."""
    start, wrong = site.word
    if site.kind is not Kind.UNDEFINED_NAME or len(wrong) < _SHORTEST or site.symbols is None:
        return
    offset = site.offset(start)
    own = set(site.symbols.module_names)
    innermost = True
    for scope in site.symbols.scopes_at(offset):
        if innermost or not scope.is_class:
            own |= scope.names
        innermost = False
    end = Point(start.line, start.column + len(wrong))
    for cost, name in near(wrong, own | _WORDS):
        extra = 0.0 if name in own else _BUILTIN
        yield site.replaced(f"Rename to `{name}`", start, end, name, _RENAME + cost + extra)
