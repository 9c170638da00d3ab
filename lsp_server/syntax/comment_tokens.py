"""The syntax tree of a file without its comments, in every language that has a grammar."""

from dataclasses import dataclass
from typing import Final

from lsp_server.syntax.parsing import parse

_PARSE_S: Final = 2.0
COMMENTS: Final = frozenset({"comment", "line_comment", "block_comment"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BareTree:
    """A file as far as comments do not matter."""

    nodes: tuple[tuple[int, str, str], ...]  # depth, kind, source of a leaf
    errors: int  # nodes that are errors or missing
    comments: tuple[str, ...]  # in order


def bare_tree(text: str, grammar: str) -> BareTree | None:
    """Return the tree of a file; None if it takes too long to parse.

    Args:
        text: the file, LF line ends.
        grammar: of its language.
    """
    data = text.encode("utf-8", "replace")
    parsed = parse(grammar, data, time_limit_s=_PARSE_S)
    if parsed is None:
        return None
    nodes, comments, errors = [], [], 0
    waiting = [(parsed.tree.root_node, 0)]
    while waiting:
        node, depth = waiting.pop()
        errors += node.is_error or node.is_missing
        source = data[node.start_byte : node.end_byte].decode("utf-8", "replace")
        if node.type in COMMENTS:
            comments.append(source.rstrip("\r\n"))
            continue
        nodes.append((depth, node.type, "" if node.child_count else source))
        waiting.extend((child, depth + 1) for child in reversed(node.children))
    return BareTree(nodes=tuple(nodes), errors=errors, comments=tuple(comments))
