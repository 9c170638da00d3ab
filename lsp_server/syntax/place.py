"""What kind of text stands at a place: code, a comment, or the inside of a string."""

import re
from enum import StrEnum

from tree_sitter import Node

from lsp_server.syntax.parsing import Parsed

_COMMENT = re.compile(r"comment\Z")
_STRING = re.compile(r"string|char_literal|char_lit|template_literal|heredoc_body|attribute_value")
# Code again, inside a string.
_CODE = re.compile(r"interpolation|substitution|expansion")
_QUOTE = re.compile(rb"[\"'`]+")
_MAX_DEPTH = 500
_MAX_QUOTES = 100  # of a line that are looked at: each is searched for among all that it has
_CLOSED_COMMENT = (b"*/", b"-->")


class Kind(StrEnum):
    """What the text at a place is."""

    CODE = "code"
    COMMENT = "comment"
    STRING = "string"


def kind_at(parsed: Parsed, offset: int) -> Kind:
    """Return what a character typed at a byte offset would belong to."""
    if offset == 0:
        return Kind.CODE
    if _is_too_deep(parsed, offset):
        return Kind.CODE
    root = parsed.tree.root_node
    node: Node | None = root.descendant_for_byte_range(offset - 1, offset)
    while node is not None and node.parent is not None:
        if _CODE.search(node.type) and offset < node.end_byte:
            return Kind.CODE
        if _COMMENT.search(node.type):
            return Kind.COMMENT if _is_inside_comment(parsed, node, offset) else Kind.CODE
        if _STRING.search(node.type) and node.start_byte < offset < node.end_byte:
            return Kind.STRING
        node = node.parent
    return Kind.STRING if _is_behind_open_quote(parsed, offset) else Kind.CODE


def _is_too_deep(parsed: Parsed, offset: int) -> bool:
    """Tell whether a place is nested as no code is: a node's parent is looked for from the root."""
    cursor = parsed.tree.walk()
    return all(cursor.goto_first_child_for_byte(offset - 1) is not None for _ in range(_MAX_DEPTH))


def _is_inside_comment(parsed: Parsed, node: Node, offset: int) -> bool:
    if offset < node.end_byte:
        return True
    return not parsed.source[node.start_byte : node.end_byte].endswith(_CLOSED_COMMENT)


def _is_behind_open_quote(parsed: Parsed, offset: int) -> bool:
    """Tell whether a quote further left on the line was never closed: the parser gave it up."""
    line_start = parsed.source.rfind(b"\n", 0, offset) + 1
    quotes = list(_QUOTE.finditer(parsed.source, line_start, offset))
    for quote in quotes[-_MAX_QUOTES:]:
        node = parsed.tree.root_node.descendant_for_byte_range(quote.start(), quote.end())
        if node is not None and node.parent is not None and node.parent.is_error:
            return True
    return False
