"""Names that Python lets a list have once: parameters of a function, keywords of a call."""

from collections.abc import Iterator
from typing import Final

from tree_sitter import Node

from lsp_server.syntax.parsing import Parsed

_PARAMETERS: Final = frozenset({"parameters", "lambda_parameters"})
_ARGUMENTS: Final = "argument_list"
# Their first child is the name, or one of these again: `*args: int`.
_AROUND_NAME: Final = frozenset(
    {"typed_parameter", "list_splat_pattern", "dictionary_splat_pattern"}
)
_MAX_NODES: Final = 2_000


def repeated_names(parsed: Parsed, start: int, end: int) -> int:
    """Count the names that stand in such a list once too often, as the language reference forbids.

    tree-sitter's Python grammar takes them.

    Args:
        parsed: any language's; of others than Python nothing is said.
        start: byte offset; lists around it count,
        end: and lists that overlap the text up to it, as far as 2,000 nodes reach.
    """
    if parsed.tree.language.name != "python":
        return 0
    found = 0
    for one in _lists(parsed.tree.root_node.descendant_for_byte_range(start, end), start, end):
        names = [
            parsed.source[name.start_byte : name.end_byte]  # `Node.text` may keep its own copy
            for child in one.named_children
            if (name := _name(one, child)) is not None
        ]
        found += len(names) - len(set(names))
    return found


def _lists(node: Node | None, start: int, end: int) -> Iterator[Node]:
    if node is None:
        return
    around: Node | None = node
    while around is not None:
        if _is_list(around):
            yield around
        around = around.parent
    waiting = [node]
    for _ in range(_MAX_NODES):
        if not waiting:
            break
        # Not `children`, which would make an object of each statement of a module; and not
        # `first_child_for_byte`, which crashes where there is none (tree-sitter 0.26.1).
        cursor = waiting.pop().walk()
        is_there = cursor.goto_first_child_for_byte(start) is not None
        while is_there and (inner := cursor.node) is not None and inner.start_byte < end:
            if _is_list(inner):
                yield inner
            waiting.append(inner)
            is_there = cursor.goto_next_sibling()


def _is_list(node: Node) -> bool:
    return node.type in _PARAMETERS or node.type == _ARGUMENTS


def _name(one: Node, child: Node) -> Node | None:
    if one.type == _ARGUMENTS:
        return child.child_by_field_name("name") if child.type == "keyword_argument" else None
    node: Node | None = child
    while node is not None and node.type != "identifier":
        named = node.child_by_field_name("name")
        if named is None and node.type in _AROUND_NAME and node.named_children:
            named = node.named_children[0]
        node = named
    return node
