"""Functions and types of a file, with their signatures; in every language that has a grammar."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import tree_sitter

from lsp_server.syntax.parsing import Parsed

_FUNCTION: Final = frozenset(
    {
        *("function_definition", "function_declaration", "generator_function_declaration"),
        *("method_definition", "method_declaration", "constructor_declaration"),
        *("function_item", "function_signature_item", "method_signature", "function_signature"),
        *("abstract_method_signature", "compact_constructor_declaration"),
    }
)
_TYPE: Final = frozenset(
    {
        *("class_definition", "class_declaration", "abstract_class_declaration", "class_specifier"),
        *("interface_declaration", "enum_declaration", "record_declaration", "struct_declaration"),
        *("struct_item", "enum_item", "trait_item", "union_item", "impl_item", "mod_item"),
        *("struct_specifier", "enum_specifier", "union_specifier", "type_alias_declaration"),
        *("namespace_definition", "namespace_declaration", "type_declaration", "type_definition"),
    }
)
# Nodes that stand around a definition and begin where it does, for a reader.
_AROUND: Final = frozenset({"decorated_definition", "export_statement", "template_declaration"})
_IMPORT: Final = re.compile(r"import|use_declaration|preproc_include|using_directive")
_IMPORT_WORDS: Final = frozenset(
    {"import", "from", "as", "use", "using", "include", "crate", "self", "super", "static", "pub"}
)
_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*")
_DEEPEST: Final = 4  # a class in a class in a namespace is about all there is
_LONGEST_SIGNATURE: Final = 240  # characters
_LONGEST_TYPE: Final = 12  # lines of one that is nothing but its members' names


class Definition(NamedTuple):
    """One function or type; byte offsets of the source, half-open."""

    name: str
    start: int  # decorators included
    end: int
    depth: int  # 0: not inside another one
    signature: str  # one line, without the body


def definitions(parsed: Parsed) -> tuple[Definition, ...]:
    """Return what a file defines, in its order; what stands inside functions does not count."""
    return tuple(_within(parsed.tree.root_node, parsed.source, 0))


def imported_names(parsed: Parsed) -> frozenset[str]:
    """Return every identifier in the import statements of a file: names and modules."""
    names: set[str] = set()
    for node in parsed.tree.root_node.named_children:
        if _IMPORT.search(node.type):
            text = parsed.source[node.start_byte : node.end_byte].decode("utf-8", "replace")
            names.update(_IDENTIFIER.findall(text))
    return frozenset(names - _IMPORT_WORDS)


def _within(parent: tree_sitter.Node, source: bytes, depth: int) -> Iterator[Definition]:
    """Yield the definitions below a node that is no definition, or is a type."""
    for node in parent.named_children:
        inner = _inner(node)
        if inner.type in _FUNCTION:
            yield _definition(node, inner, source, depth)
        elif inner.type in _TYPE:
            yield _definition(node, inner, source, depth)
            body = inner.child_by_field_name("body")
            if body is not None and depth < _DEEPEST:
                yield from _within(body, source, depth + 1)
        elif inner.type == "ERROR" and depth < _DEEPEST:
            yield from _within(inner, source, depth)


def _inner(node: tree_sitter.Node) -> tree_sitter.Node:
    """Return the definition inside decorators, `export`, or template parameters."""
    while node.type in _AROUND and node.named_children:
        node = node.named_children[-1]
    return node


def _definition(
    whole: tree_sitter.Node, inner: tree_sitter.Node, source: bytes, depth: int
) -> Definition:
    body = inner.child_by_field_name("body")
    end = inner.end_byte if body is None else body.start_byte
    if body is not None and inner.type in _TYPE:
        lines = body.end_point.row - body.start_point.row + 1
        # An enumeration or a record is its members; a class has its methods listed by themselves.
        if lines <= _LONGEST_TYPE and not any(_within(body, source, depth + 1)):
            end = inner.end_byte
    text = " ".join(source[inner.start_byte : end].decode("utf-8", "replace").split())
    line_start = source.rfind(b"\n", 0, whole.start_byte) + 1
    blank = not source[line_start : whole.start_byte].strip()
    return Definition(
        name=_name(inner, source),
        start=line_start if blank else whole.start_byte,
        end=whole.end_byte,
        depth=depth,
        signature=text.removesuffix("{").rstrip()[:_LONGEST_SIGNATURE],
    )


def _name(node: tree_sitter.Node, source: bytes) -> str:
    named: tree_sitter.Node | None = node
    while named is not None:
        node = named
        # C declares `int (*name)(...)`: the name is inside declarators.
        named = node.child_by_field_name("name") or node.child_by_field_name("declarator")
    if node.type == "impl_item":
        node = node.child_by_field_name("type") or node
    if node.named_child_count and node.type in _TYPE:
        inner = next((child.child_by_field_name("name") for child in node.named_children), None)
        node = inner or node
    found = _IDENTIFIER.findall(source[node.start_byte : node.end_byte].decode("utf-8", "replace"))
    return found[-1] if found else ""
