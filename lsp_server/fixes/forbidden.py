"""Edits that are never offered, whoever proposes them and whatever a checker thinks of them."""

import re
from collections.abc import Callable
from typing import Final

from lsp_server.document import Document
from lsp_server.fixes.candidate import Origin
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.kinds import Kind, kind_of, named_in
from lsp_server.fixes.refusal import Refusal
from lsp_server.fixes.statements import (
    deletes_statement,
    imported_modules,
    keeps_words,
    num_bindings,
    tree_of,
)
from lsp_server.fixes.suppressions import adds_suppression, is_configuration
from lsp_server.postprocess.trim import is_invisible

ModuleExists = Callable[[str], bool]
"""Tells whether a module can be imported by a document; relative ones begin with their dots."""

_MAY_DELETE: Final = frozenset({Kind.UNUSED_IMPORT, Kind.UNUSED_VARIABLE})
_MISSES_A_NAME: Final = frozenset({Kind.UNDEFINED_NAME, Kind.UNKNOWN_ATTRIBUTE})
_RECEIVERS: Final = frozenset({"self", "cls"})
_ATTRIBUTE: Final = re.compile(r"(?:attribute|[Pp]roperty) [\"'`](\w+)")
_MAX_READ_CHARACTERS: Final = 500
_BINDING: Final = r"""(?x)
    \b(?:let|const|var|function|class|def|fn|func|type|interface|enum|struct|static|namespace|
        global|declare|auto|using|typedef)\s+(?:mut\s+)?{0}\b
  | (?<![.\w]){0}\s*(?::=|=(?!=|>))
"""


def refused(
    before: Document,
    after: Document,
    diagnostic: Diagnostic,
    origin: Origin,
    module_exists: ModuleExists,
) -> Refusal | None:
    """Return why an edit must not be offered, None if nothing speaks against it.

    Args:
        before: the document as it is.
        after: the document with the edit.
        diagnostic: that the edit is to remove.
        origin: of the edit.
        module_exists: for modules that the edit imports.
    """
    old, new = before.text(), after.text()
    kind = kind_of(diagnostic)

    def deletes() -> bool:
        if kind in _MAY_DELETE:
            return False
        return deletes_statement(before, after) or (
            origin is Origin.MODEL and not keeps_words(before, after)
        )

    def defines() -> bool:
        return kind in _MISSES_A_NAME and _defines(before, after, _missing_name(before, diagnostic))

    checks: tuple[tuple[Refusal, Callable[[], bool]], ...] = (
        (Refusal.NOTHING, lambda: old == new),
        (Refusal.CONFIGURATION, lambda: is_configuration(before.uri)),
        (Refusal.SUPPRESSES, lambda: adds_suppression(old, new)),
        (Refusal.HIDES, lambda: _hides(old, new)),
        (Refusal.DELETES, deletes),
        (Refusal.DEFINES, defines),
        (Refusal.NO_SUCH_MODULE, lambda: _imports_nothing(before, after, module_exists)),
    )
    return next((refusal for refusal, holds in checks if holds()), None)


def _hides(old: str, new: str) -> bool:
    """Tell whether characters come in that a reader of the code would not see.

    The model may write them, and a name of another file may have them in languages that allow it.
    """
    return any(new.count(one) > old.count(one) for one in filter(is_invisible, set(new)))


def _missing_name(document: Document, diagnostic: Diagnostic) -> str:
    """Return the name that a diagnostic misses: what stands at its place, else what it quotes."""
    quoted = named_in(diagnostic)
    if kind_of(diagnostic) is Kind.UNDEFINED_NAME and quoted:
        return quoted[0]
    if (attribute := _ATTRIBUTE.search(diagnostic.message[:_MAX_READ_CHARACTERS])) is not None:
        return attribute.group(1)
    start, end = diagnostic.start, diagnostic.end
    if start.line == end.line < len(document.lines):
        here = document.line(start.line)[start.column : end.column]
        if here.isidentifier():
            return here
    return quoted[0] if quoted else ""


def _defines(before: Document, after: Document, name: str) -> bool:
    if not name:
        return False
    old, new = tree_of(before), tree_of(after)
    if old is not None and new is not None:
        return num_bindings(new, name) > num_bindings(old, name)
    if name in _RECEIVERS:
        return False
    pattern = re.compile(_BINDING.format(re.escape(name)))
    return len(pattern.findall(after.text())) > len(pattern.findall(before.text()))


def _imports_nothing(before: Document, after: Document, module_exists: ModuleExists) -> bool:
    new = tree_of(after)
    if new is None:
        return False
    old = tree_of(before)
    if old is None:
        known = "".join(before.lines)
        added = [name for name in imported_modules(new) if name not in known]
    else:
        added = list(imported_modules(new) - imported_modules(old))
    return not all(map(module_exists, added))
