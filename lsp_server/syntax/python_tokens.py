"""The tokens of a Python file without its docstrings and comments, errors in it or not."""

from typing import Final

import tree_sitter

from lsp_server.syntax.parsing import parse

_PARSE_S: Final = 2.0
_BODIES: Final = frozenset({"function_definition", "class_definition"})
_STRINGS: Final = frozenset({"string", "concatenated_string"})


def code_tokens(text: str) -> list[tuple[str, str]] | None:
    """Return kind and source of each token in order; None if it takes too long to parse.

    A string that is the first statement of a function or class is left out.
    """
    data = text.encode("utf-8", "replace")
    parsed = parse("python", data, time_limit_s=_PARSE_S)
    if parsed is None:
        return None
    tokens = []
    waiting = [parsed.tree.root_node]
    while waiting:
        node = waiting.pop()
        if node.type == "comment":
            continue
        if node.type == "expression_statement" and _is_docstring(node):
            continue
        if node.child_count:
            waiting.extend(reversed(node.children))
        elif node.start_byte < node.end_byte:
            source = data[node.start_byte : node.end_byte].decode("utf-8", "replace")
            tokens.append((node.type, source))
    return tokens


def _is_docstring(node: tree_sitter.Node) -> bool:
    block = node.parent
    if block is None or block.type != "block" or block.parent is None:
        return False
    if block.parent.type not in _BODIES or node.named_child_count != 1:
        return False
    first = next((one for one in block.named_children if one.type != "comment"), None)
    return first == node and node.named_children[0].type in _STRINGS
