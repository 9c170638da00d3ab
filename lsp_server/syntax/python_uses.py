"""Reads what the body of a Python function does with each of its parameters."""

from collections.abc import Callable, Sequence
from typing import Final

import tree_sitter

from lsp_server.docstrings.facts import Use, UseKind
from lsp_server.syntax.python_body import Source, name_of_call, own_nodes

_MAX_USES: Final = 12  # of one parameter; more say nothing new
_MAX_DETAIL: Final = 60  # characters of source that are worth quoting
_CHECKS: Final = frozenset({"isinstance", "issubclass"})
_SIMPLE: Final = {
    "return_statement": UseKind.RETURNED,
    "await": UseKind.AWAITED,
    "interpolation": UseKind.SHOWN,
    "not_operator": UseKind.DECIDES,
    "boolean_operator": UseKind.DECIDES,
    "binary_operator": UseKind.CALCULATED,
    "unary_operator": UseKind.CALCULATED,
    "augmented_assignment": UseKind.CALCULATED,
    "comparison_operator": UseKind.COMPARED,
}
_TESTS: Final = frozenset(
    {"if_statement", "elif_clause", "while_statement", "conditional_expression"}
)


def uses_of(source: Source, body: tree_sitter.Node, names: Sequence[str]) -> list[tuple[Use, ...]]:
    """Return, for each name, its uses in the order of the text, each once."""
    wanted = frozenset(names)
    found: dict[str, dict[Use, None]] = {name: {} for name in names}
    for node in own_nodes(body, into_functions=True):
        if node.type != "identifier":
            continue
        name = source.text(node)
        if name not in wanted or len(found[name]) >= _MAX_USES:
            continue
        use = _use(source, node)
        if use is not None:
            found[name][use] = None
    return [tuple(found[name]) for name in names]


def _use(source: Source, node: tree_sitter.Node) -> Use | None:
    """Return what is done with a name, None where it is not read."""
    around = node.parent
    kind = "" if around is None else around.type
    if around is None or (kind in _NAMES_SOMETHING_ELSE and not _is_read(node, around)):
        return None
    if kind in _SIMPLE:
        return Use(kind=_SIMPLE[kind], detail=_short(source, around))
    if kind in {"list_splat", "dictionary_splat"} and around.parent is not None:
        return _passed(source, around.parent)
    read = _READERS.get(kind)
    return Use(kind=UseKind.READ) if read is None else read(source, node, around)


def _is_read(node: tree_sitter.Node, around: tree_sitter.Node) -> bool:
    return around.child_by_field_name(_NAMES_SOMETHING_ELSE[around.type]) == node


def _assigned(source: Source, _: tree_sitter.Node, around: tree_sitter.Node) -> Use:
    left = source.line(around.child_by_field_name("left"))
    kind = UseKind.STORED if "." in left or "[" in left else UseKind.READ
    return Use(kind=kind, detail=left[:_MAX_DETAIL])


def _member(source: Source, _: tree_sitter.Node, around: tree_sitter.Node) -> Use:
    return Use(kind=UseKind.MEMBER, detail=source.text(around.child_by_field_name("attribute")))


def _called(source: Source, _: tree_sitter.Node, around: tree_sitter.Node) -> Use:
    return Use(kind=UseKind.CALLED, detail=_short(source, around))


def _subscript(source: Source, node: tree_sitter.Node, around: tree_sitter.Node) -> Use:
    if around.child_by_field_name("value") == node:
        return Use(kind=UseKind.INDEXED, detail=_short(source, around))
    return Use(kind=UseKind.INDEX, detail=source.line(around.child_by_field_name("value")))


def _keyword(source: Source, _: tree_sitter.Node, around: tree_sitter.Node) -> Use | None:
    keyword = source.text(around.child_by_field_name("name"))
    return None if around.parent is None else _passed(source, around.parent, keyword)


def _argument(source: Source, _: tree_sitter.Node, around: tree_sitter.Node) -> Use:
    return _passed(source, around)


def _iterated(source: Source, _: tree_sitter.Node, around: tree_sitter.Node) -> Use:
    return Use(kind=UseKind.ITERATED, detail=source.line(around.child_by_field_name("left")))


def _tested(source: Source, node: tree_sitter.Node, around: tree_sitter.Node) -> Use:
    return Use(kind=UseKind.DECIDES, detail=_decided(source, node, around))


def _entered(_source: Source, _: tree_sitter.Node, _around: tree_sitter.Node) -> Use:
    return Use(kind=UseKind.ENTERED)


# In these nodes a name may be another one's: the field says where it is read.
_NAMES_SOMETHING_ELSE: Final = {
    "assignment": "right",
    "attribute": "object",
    "keyword_argument": "value",
    "named_expression": "value",
    "for_statement": "right",
    "for_in_clause": "right",
}
_READERS: Final[dict[str, Callable[[Source, tree_sitter.Node, tree_sitter.Node], Use | None]]] = {
    "assignment": _assigned,
    "attribute": _member,
    "call": _called,
    "subscript": _subscript,
    "keyword_argument": _keyword,
    "argument_list": _argument,
    "for_statement": _iterated,
    "for_in_clause": _iterated,
    "with_item": _entered,
    "as_pattern": _entered,
    **dict.fromkeys(_TESTS, _tested),
}


def _passed(source: Source, arguments: tree_sitter.Node, keyword: str = "") -> Use:
    call = arguments.parent
    name = "" if call is None or call.type != "call" else name_of_call(source, call)
    if not name:
        return Use(kind=UseKind.READ)
    if name in _CHECKS and arguments.named_child_count > 1:
        checked = source.line(arguments.named_children[1])
        return Use(kind=UseKind.CHECKED, detail=checked[:_MAX_DETAIL])
    return Use(kind=UseKind.PASSED, detail=name, keyword=keyword)


def _decided(source: Source, node: tree_sitter.Node, around: tree_sitter.Node) -> str:
    """Return the first call that is made only if a test holds, "" if there is none."""
    consequence = around.child_by_field_name("consequence")
    if consequence is None or around.child_by_field_name("condition") != node:
        return ""
    for inner in own_nodes(consequence):
        if inner.type == "call" and (name := name_of_call(source, inner)):
            return name
    return ""


def _short(source: Source, node: tree_sitter.Node) -> str:
    text = source.line(node)
    return text if len(text) <= _MAX_DETAIL else ""
