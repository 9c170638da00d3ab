"""What becomes of the parameters of a function that is not Python's, by the nodes around them."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import tree_sitter

from lsp_server.docstrings.facts import Use, UseKind
from lsp_server.syntax.callable_body import CALLS, NESTED, RETURNS, callee_of, source_of
from lsp_server.syntax.callables import NAMELESS, text_of

_IDENTIFIERS: Final = frozenset({"identifier", "shorthand_property_identifier"})
_ARGUMENTS: Final = frozenset({"arguments", "argument_list", "token_tree"})
_ROUND: Final = frozenset(  # what says nothing by itself about the value inside
    {
        *("reference_expression", "parenthesized_expression", "spread_element", "cast_expression"),
        *("await_expression", "as_expression", "non_null_expression", "type_cast_expression"),
        *("pointer_expression", "try_expression", "expression_list", "variadic_argument"),
        *("parameter_pack_expansion", "literal_element", "subscript_argument_list"),
    }
)
_MEMBERS: Final = frozenset(
    {
        *("member_expression", "field_expression", "selector_expression", "field_access"),
        "method_invocation",
    }
)
_OWNING: Final = frozenset({"object", "value", "argument", "operand"})
_OWNED: Final = ("property", "field", "name")
_SUBSCRIPTS: Final = frozenset({"subscript_expression", "index_expression", "array_access"})
_ASSIGNMENTS: Final = frozenset({"assignment_expression", "assignment_statement"})
_CHANGES: Final = frozenset({"augmented_assignment_expression", "compound_assignment_expr"})
# Where a field or a key takes a value, and the field of the node that names it.
_BOUND: Final = {"field_initializer": "field", "pair": "key", "keyed_element": ""}
_LOOPS: Final = {
    "for_in_statement": ("right", "left"),
    "for_expression": ("value", "pattern"),
    "range_clause": ("right", "left"),
    "enhanced_for_statement": ("value", "name"),
    "for_range_loop": ("right", "declarator"),
}
_DECISIONS: Final = frozenset(
    {
        *("if_statement", "while_statement", "if_expression", "while_expression"),
        *("ternary_expression", "conditional_expression", "switch_statement", "match_expression"),
        *("expression_switch_statement", "switch_expression", "do_statement", "for_statement"),
        "condition_clause",
    }
)
_DECLARING: Final = frozenset(
    {
        *("let_declaration", "variable_declarator", "short_var_declaration", "init_declarator"),
        *("for_in_statement", "for_expression", "range_clause", "catch_clause", "var_spec"),
    }
)
_DECLARED: Final = frozenset({"pattern", "name", "left", "declarator", "parameter"})
_COMPARING: Final = frozenset(
    {*("==", "!=", "===", "!==", "<", ">", "<=", ">="), "instanceof", "in"}
)
_LOGICAL: Final = frozenset({"&&", "||", "??"})
_READ: Final = Use(kind=UseKind.READ)
_DECIDES: Final = Use(kind=UseKind.DECIDES)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a parameter stands."""

    node: tree_sitter.Node
    parent: tree_sitter.Node
    field: str  # of the node in its parent
    body: tree_sitter.Node

    @property
    def kind(self) -> str:
        return self.parent.type


def uses_of(nodes: Sequence[tree_sitter.Node], names: Sequence[str]) -> list[tuple[Use, ...]]:
    """Return what each parameter is used for, in order.

    Args:
        nodes: the body, and what runs before it (initialisers of members).
        names: of the parameters.
    """
    found: dict[str, list[Use]] = {name: [] for name in names}
    hidden: dict[str, int] = {}  # from this byte on another variable has the name
    for body in nodes:
        for node in _visible_nodes(body, frozenset(names)):
            name = text_of(node) if node.type in _IDENTIFIERS else ""
            if name not in found or node.start_byte >= hidden.get(name, node.end_byte):
                continue
            declaring = _declaring(node)
            if declaring is not None:
                hidden[name] = declaring.end_byte
                continue
            use = _use(node, body)
            if use is not None:
                found[name].append(use)
    return [tuple(dict.fromkeys(found[name])) for name in names]


def _visible_nodes(body: tree_sitter.Node, names: frozenset[str]) -> Iterator[tree_sitter.Node]:
    """Yield the nodes of a body, but no function inside it that has a parameter of such a name."""
    waiting = [body]
    while waiting:
        node = waiting.pop()
        yield node
        for child in reversed(node.named_children):
            if child.type in NESTED:
                given = child.child_by_field_name("parameters")
                given = given or child.child_by_field_name("parameter")
                if names & set(re.findall(r"\w+", text_of(given))):
                    continue
            waiting.append(child)


def _declaring(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the declaration whose name a node is."""
    inner, outer = node, node.parent
    while outer is not None and outer.type.endswith(("pattern", "declarator", "expression_list")):
        if outer.type in _DECLARING:
            break
        inner, outer = outer, outer.parent
    if outer is None or outer.type not in _DECLARING:
        return None
    return outer if _field(outer, inner) in _DECLARED else None


def _field(parent: tree_sitter.Node, child: tree_sitter.Node) -> str:
    for index, one in enumerate(parent.children):
        if one == child:
            return parent.field_name_for_child(index) or ""
    return ""


def _use(node: tree_sitter.Node, body: tree_sitter.Node) -> Use | None:
    """Return what the place of a parameter says, None where something is assigned to it."""
    while node.parent is not None and node != body and node.parent.type in _ROUND:
        node = node.parent
    parent = node.parent
    if node == body or parent is None:  # a => a
        return _returned(node)
    place = _Place(node=node, parent=parent, field=_field(parent, node), body=body)
    if place.kind in _ASSIGNMENTS and place.field == "left":
        return None
    return next((use for read in _READERS if (use := read(place)) is not None), _READ)


def _passed(place: _Place) -> Use | None:
    call: tree_sitter.Node | None = place.parent
    if place.kind not in _ARGUMENTS:
        return None
    while call is not None and call.type in _ARGUMENTS:
        call = call.parent
    if call is None or call.type not in CALLS:
        return _READ
    if call.type == "field_initializer":
        return Use(kind=UseKind.STORED, detail=source_of(call.named_children[0]))
    return Use(kind=UseKind.PASSED, detail=callee_of(call))


def _called(place: _Place) -> Use | None:
    is_called = place.kind in CALLS and place.field == "function"
    return Use(kind=UseKind.CALLED, detail=source_of(place.parent)) if is_called else None


def _member(place: _Place) -> Use | None:
    if place.kind not in _MEMBERS or place.field not in _OWNING:
        return None
    owned = (place.parent.child_by_field_name(field) for field in _OWNED)
    member = next((one for one in owned if one is not None), None)
    return Use(kind=UseKind.MEMBER, detail=source_of(member))


def _subscript(place: _Place) -> Use | None:
    if place.kind not in _SUBSCRIPTS:
        return None
    first = place.parent.named_children[0]
    if first == place.node:
        return Use(kind=UseKind.INDEXED, detail=source_of(place.parent))
    return Use(kind=UseKind.INDEX, detail=source_of(first))


def _stored(place: _Place) -> Use | None:
    named = None
    if place.kind in _ASSIGNMENTS:
        named = place.parent.child_by_field_name("left")
        if named is not None and text_of(named).isidentifier():
            return _READ
    elif place.kind in _BOUND:
        field = _BOUND[place.kind]
        named = place.parent.child_by_field_name(field) if field else None
        named = named or place.parent.named_children[0]
        if named == place.node:
            return None
    return None if named is None else Use(kind=UseKind.STORED, detail=source_of(named))


def _iterated(place: _Place) -> Use | None:
    over, item = _LOOPS.get(place.kind, ("", ""))
    if not over or place.field != over:
        return None
    named = place.parent.child_by_field_name(item)
    return Use(kind=UseKind.ITERATED, detail=source_of(named))


def _given_back(place: _Place) -> Use | None:
    is_arrow = place.kind in NAMELESS and place.field == "body"
    is_tail = (
        place.kind == "block"
        and place.parent == place.body
        and place.parent.named_children[-1] == place.node
    )
    return _returned(place.node) if place.kind in RETURNS or is_arrow or is_tail else None


def _compared(place: _Place) -> Use | None:
    if place.kind not in {"binary_expression", "instanceof_expression"}:
        return None
    operator = text_of(place.parent.child_by_field_name("operator")) or "instanceof"
    if operator in _LOGICAL:
        return _DECIDES
    kind = UseKind.COMPARED if operator in _COMPARING else UseKind.CALCULATED
    return Use(kind=kind, detail=source_of(place.parent))


def _calculated(place: _Place) -> Use | None:
    if place.kind in _CHANGES:
        return Use(kind=UseKind.CALCULATED, detail=source_of(place.parent))
    if place.kind == "unary_expression":
        is_not = text_of(place.parent).startswith("!")
        return _DECIDES if is_not else Use(kind=UseKind.CALCULATED)
    return None


def _shown(place: _Place) -> Use | None:
    return Use(kind=UseKind.SHOWN) if place.kind == "template_substitution" else None


def _decides(place: _Place) -> Use | None:
    is_condition = place.kind in _DECISIONS and place.field in {"condition", "value", ""}
    return _DECIDES if is_condition else None


def _returned(node: tree_sitter.Node) -> Use:
    return Use(kind=UseKind.RETURNED, detail=f"return {source_of(node)}")


_READERS: Final[tuple[Callable[[_Place], Use | None], ...]] = (
    _passed,
    _called,
    _member,
    _subscript,
    _stored,
    _iterated,
    _given_back,
    _compared,
    _calculated,
    _shown,
    _decides,
)
