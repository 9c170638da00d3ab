"""Edits that might remove a diagnostic, derived from the syntax tree and from what exists."""

from collections.abc import Callable, Iterator
from typing import Final

from lsp_server.document import Document
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.candidates.arguments import keyword_of_call, missing_argument
from lsp_server.fixes.candidates.attribute import near_attributes
from lsp_server.fixes.candidates.awaiting import missing_await
from lsp_server.fixes.candidates.missing_import import imports
from lsp_server.fixes.candidates.none_comparison import identity
from lsp_server.fixes.candidates.of_self import receiver_parameter, receiver_prefix
from lsp_server.fixes.candidates.other_languages import fewer_errors, near_words
from lsp_server.fixes.candidates.returning import missing_return
from lsp_server.fixes.candidates.site import Site
from lsp_server.fixes.candidates.suggested import suggested_names
from lsp_server.fixes.candidates.syntax import syntax_repairs
from lsp_server.fixes.candidates.undefined_name import near_names
from lsp_server.fixes.candidates.unknown_module import near_imported_names, near_modules
from lsp_server.fixes.candidates.unused import unused_import, unused_variable
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.names.known import Names

_MOST: Final = 48
_REPAIRS: Final[tuple[Callable[[Site], Iterator[Candidate]], ...]] = (
    identity,
    unused_import,
    unused_variable,
    receiver_parameter,
    receiver_prefix,
    near_names,
    imports,
    near_attributes,
    keyword_of_call,
    missing_argument,
    missing_await,
    missing_return,
    syntax_repairs,
    suggested_names,
    near_words,
    near_modules,
    near_imported_names,
    fewer_errors,
)


def candidates(
    document: Document, diagnostic: Diagnostic, names: Names, path: str
) -> Iterator[Candidate]:
    """Yield edits that might remove a diagnostic, the likeliest first; each once.

    None is a suppression, none defines what is missing, and a statement is deleted only where the
    rule is that something is unused.

    Args:
        document: that was complained about.
        diagnostic: the complaint.
        names: what exists.
        path: of the document inside the workspace, with "/".
    """
    if diagnostic.start.line >= len(document.lines):
        return
    site = Site(document=document, diagnostic=diagnostic, names=names, path=path)
    found: dict[object, Candidate] = {}
    for repair in _REPAIRS:
        for candidate in repair(site):
            known = found.get(candidate.changes)
            if known is None or candidate.cost < known.cost:
                found[candidate.changes] = candidate
    yield from sorted(found.values(), key=lambda one: one.cost)[:_MOST]
