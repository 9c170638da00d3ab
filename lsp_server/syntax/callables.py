"""Finds the functions and methods of a file that is not Python, by the nodes of its grammar."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import tree_sitter

_SCRIPT: Final = frozenset(
    {
        *("function_declaration", "generator_function_declaration", "method_definition"),
        *("function_signature", "method_signature", "abstract_method_signature"),
    }
)
_C: Final = frozenset({"function_definition", "declaration", "field_declaration"})
FUNCTIONS: Final[dict[str, frozenset[str]]] = {
    "javascript": _SCRIPT,
    "typescript": _SCRIPT,
    "tsx": _SCRIPT,
    "rust": frozenset({"function_item", "function_signature_item"}),
    "go": frozenset({"function_declaration", "method_declaration", "method_elem"}),
    "java": frozenset({"method_declaration", "constructor_declaration"}),
    "c": _C,
    "cpp": _C,
}
SCRIPTS: Final = frozenset({"javascript", "typescript", "tsx"})
# Functions without a name of their own, which a name or a field may be bound to.
NAMELESS: Final = frozenset(
    {"arrow_function", "function_expression", "generator_function", "function"}
)
_BINDINGS: Final = {
    "variable_declarator": ("name", "value"),
    "field_definition": ("property", "value"),
    "public_field_definition": ("name", "value"),
    "pair": ("key", "value"),
    "assignment_expression": ("left", "right"),
}
# What stands around a definition and begins where it does, for a reader.
_AROUND: Final = frozenset(
    {
        *("export_statement", "lexical_declaration", "variable_declaration"),
        *("expression_statement", "ambient_declaration", "template_declaration"),
    }
)
_OWNERS: Final = frozenset(
    {
        *("class_declaration", "abstract_class_declaration", "class", "interface_declaration"),
        *("class_specifier", "struct_specifier", "enum_declaration", "record_declaration"),
        *("impl_item", "trait_item", "object_creation_expression"),
    }
)
_INTERFACES: Final = frozenset({"interface_declaration", "trait_item", "interface_type"})
_MODIFIERS: Final = frozenset(
    {"modifiers", "visibility_modifier", "accessibility_modifier", "storage_class_specifier"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callable:
    """One function: the node with its parameters, and what stands around it."""

    node: tree_sitter.Node
    declarator: tree_sitter.Node  # C: the function declarator; else the node itself
    whole: tree_sitter.Node  # with `export`, `const`, the template's parameters
    name: str
    owner: str | None
    modifiers: tuple[str, ...]
    is_in_interface: bool

    @property
    def body(self) -> tree_sitter.Node | None:
        """What it does; None where it is only declared."""
        return self.node.child_by_field_name("body")


def find_callables(root: tree_sitter.Node, grammar: str) -> Iterator[Callable]:
    """Yield the functions of a file in their order, inner ones behind the one around them."""
    waiting: list[tuple[tree_sitter.Node, str | None, bool]] = [(root, None, False)]
    while waiting:
        node, owner, is_interface = waiting.pop()
        found = _callable(node, owner, is_interface, grammar)
        if found is not None and not _has_broken_header(found):
            yield found
        if node.type in _OWNERS:
            owner = _owner_name(node)
        if node.type in FUNCTIONS[grammar] and node.child_by_field_name("body") is not None:
            owner = None
        inside = is_interface or node.type in _INTERFACES
        if found is not None and found.body is not None:
            inside = False
        waiting.extend((child, owner, inside) for child in reversed(node.named_children))


def text_of(node: tree_sitter.Node | None) -> str:
    """Return a node's source, "" for none."""
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")


def _callable(
    node: tree_sitter.Node, owner: str | None, is_interface: bool, grammar: str
) -> Callable | None:
    function, named, declarator = _function(node, grammar)
    if function is None or named is None or declarator is None:
        return None
    whole = node
    while whole.parent is not None and whole.parent.type in _AROUND:
        if whole.parent.type in {"lexical_declaration", "variable_declaration"} and (
            whole.parent.named_child_count > 1
        ):
            break  # which of several names a comment above is about, nobody could tell
        whole = whole.parent
    return Callable(
        node=function,
        declarator=declarator,
        whole=whole,
        name=text_of(named).rpartition(".")[2].rpartition("::")[2].strip("\"'"),
        owner=owner,
        modifiers=_modifiers(node),
        is_in_interface=is_interface,
    )


def _function(
    node: tree_sitter.Node, grammar: str
) -> tuple[tree_sitter.Node | None, tree_sitter.Node | None, tree_sitter.Node | None]:
    """Return the function that a node is, its name, and the node with its parameters."""
    if grammar in SCRIPTS and node.type in _BINDINGS:
        return _bound_function(node)
    if node.type not in FUNCTIONS[grammar]:
        return None, None, None
    if FUNCTIONS[grammar] is _C:
        return _c_function(node)
    return node, node.child_by_field_name("name"), node


def _bound_function(
    node: tree_sitter.Node,
) -> tuple[tree_sitter.Node | None, tree_sitter.Node | None, tree_sitter.Node | None]:
    name, value = _BINDINGS[node.type]
    bound = node.child_by_field_name(value)
    is_part = node.type == "assignment_expression" and (
        node.parent is None or node.parent.type != "expression_statement"
    )
    if bound is None or bound.type not in NAMELESS or is_part:
        return None, None, None
    return bound, node.child_by_field_name(name), bound


def _c_function(
    node: tree_sitter.Node,
) -> tuple[tree_sitter.Node | None, tree_sitter.Node | None, tree_sitter.Node | None]:
    inner = node.child_by_field_name("declarator")
    while inner is not None and inner.type in {"pointer_declarator", "reference_declarator"}:
        inner = inner.child_by_field_name("declarator") or _last(inner)
    if inner is None or inner.type != "function_declarator":
        return None, None, None
    named = inner.child_by_field_name("declarator")
    # In parentheses it is a variable that holds a function; inside a function, a local.
    if named is None or named.type == "parenthesized_declarator" or _is_local(node):
        return None, None, None
    return node, named, inner


def _is_local(node: tree_sitter.Node) -> bool:
    return node.parent is not None and node.parent.type == "compound_statement"


def _last(node: tree_sitter.Node) -> tree_sitter.Node | None:
    return node.named_children[-1] if node.named_children else None


def _has_broken_header(found: Callable) -> bool:
    return any(
        child.has_error or child.is_missing
        for child in (*found.node.children, *found.declarator.children)
        if child != found.body
    ) and (found.node.has_error)


def _owner_name(node: tree_sitter.Node) -> str | None:
    field = "type" if node.type in {"impl_item", "object_creation_expression"} else "name"
    return text_of(node.child_by_field_name(field)) or None


def _modifiers(node: tree_sitter.Node) -> tuple[str, ...]:
    inside = [child for child in node.children if child.type in _MODIFIERS]
    words = [word for one in inside for word in text_of(one).split() if not word.startswith("@")]
    if node.type == "abstract_method_signature":
        words.append("abstract")
    return tuple(words)
