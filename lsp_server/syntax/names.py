"""Which names of a suggestion mean nothing where it stands; Python only.

A name is known if it is a builtin, or bound anywhere in the module, in the functions around it or
in the suggestion itself. Attributes and keywords of calls are not looked at: on held-out code such
doubts were wrong as often as right, since classes inherit and take what they are given.
"""

import builtins
import keyword
from functools import cache
from typing import Final

import tree_sitter

from lsp_server.syntax.grammars import load_grammar
from lsp_server.syntax.parsing import Parsed
from lsp_server.syntax.symbols import SymbolTable

_KNOWN: Final = frozenset(
    {
        *dir(builtins),
        *keyword.kwlist,
        *keyword.softkwlist,
        *("__file__", "__name__", "__path__", "__class__", "_", "self", "cls"),
    }
)
# Nodes under which an identifier does not stand for a value of its own.
_NAMING: Final = frozenset(
    {
        *("import_statement", "import_from_statement", "future_import_statement"),
        *("aliased_import", "relative_import", "dotted_name", "keyword_pattern"),
        *("function_definition", "class_definition", "ERROR"),
    }
)
_FIELD: Final = {"attribute": "attribute", "keyword_argument": "name"}


def undefined_names(after: Parsed, table: SymbolTable, start: int, end: int) -> list[str]:
    """Return the names in a part of a Python file that nothing in the file accounts for.

    Args:
        after: the file with the suggestion.
        table: of this file.
        start: the first byte of the suggestion.
        end: the byte behind it.
    """
    nodes = undefined_identifiers(after, table, start, end)
    return [
        after.source[node.start_byte : node.end_byte].decode("utf-8", "replace") for node in nodes
    ]


def undefined_identifiers(
    after: Parsed, table: SymbolTable, start: int, end: int
) -> list[tree_sitter.Node]:
    """Return where such names stand; the arguments are those of `undefined_names`."""
    if table.has_star:
        return []
    undefined = []
    for node in _identifiers(after, start, end):
        parent = node.parent
        if parent is None or parent.type in _NAMING:
            continue
        field = _FIELD.get(parent.type)
        if field is not None and parent.child_by_field_name(field) == node:
            continue
        name = after.source[node.start_byte : node.end_byte].decode("utf-8", "replace")
        if name not in _KNOWN and not table.is_visible(name, node.start_byte):
            undefined.append(node)
    return undefined


@cache
def _query() -> tree_sitter.Query | None:
    language = load_grammar("python")
    return None if language is None else tree_sitter.Query(language, "(identifier) @name")


def _identifiers(parsed: Parsed, start: int, end: int) -> list[tree_sitter.Node]:
    """Return the identifiers that end behind `start` and begin before `end`."""
    query = _query()
    if query is None:
        return []
    cursor = tree_sitter.QueryCursor(query)
    cursor.set_byte_range(start, end)
    found = cursor.captures(parsed.tree.root_node).get("name", [])
    return [node for node in found if node.end_byte > start and node.start_byte < end]
