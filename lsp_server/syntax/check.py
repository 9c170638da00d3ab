"""Whether a suggestion would break the syntax of the file that it is inserted into."""

from tree_sitter import Tree

from lsp_server.syntax.parsing import Parsed, Region, parse
from lsp_server.syntax.repeated_names import repeated_names

_MAX_NODES = 20_000
_MAX_LINES = 50
_BLOCKS = frozenset({"block", "module"})


def with_insertion(region: Region, before: Parsed, text: str, absorbed: int) -> Parsed | None:
    """Return the region with a text at its cursor, None if there is not the time.

    Args:
        region: the text around the cursor.
        before: its tree.
        text: the suggestion, LF line ends.
        absorbed: how many code points behind the cursor it replaces.
    """
    inserted = text.encode("utf-8", "replace")
    behind = region.behind
    if absorbed:
        behind = behind.decode("utf-8", "replace")[absorbed:].encode()
    return parse(region.grammar, region.before + inserted + behind, before)


def adds_defect(before: Parsed, before_end: int, after: Parsed, after_end: int) -> bool:
    """Tell whether a suggestion adds a syntax error.

    Args:
        before: the text without it.
        before_end: where the cursor stands in it.
        after: the text with it.
        after_end: where the suggestion ends.
    """
    return _defects(after, before_end, after_end) > _defects(before, before_end, before_end)


def _defects(parsed: Parsed, start: int, end: int) -> int:
    defects = _errors(parsed.tree) + _leaves_block_empty(parsed, end)
    defects += repeated_names(parsed, start, end)
    return defects + _unexpected_indents(parsed, start, end)


def _errors(tree: Tree) -> int:
    """Count what the parser could not place, and what it had to imagine."""
    waiting = [tree.root_node]
    errors = visited = 0
    while waiting and visited < _MAX_NODES:
        node = waiting.pop()
        visited += 1
        errors += node.is_error or node.is_missing
        if node.has_error:
            waiting.extend(child for child in node.children if child.has_error)
    return errors


def _leaves_block_empty(parsed: Parsed, end: int) -> bool:
    """Tell whether the statement that ends at `end` opens a block in which nothing stands.

    tree-sitter's Python grammar takes `if x:` without a body for complete; Python does not.
    """
    last = len(parsed.source[:end].rstrip()) - 1
    colon = parsed.tree.root_node.descendant_for_byte_range(last, last + 1)
    if colon is None or colon.type != ":" or colon.parent is None:
        return False
    return any(
        child.type == "block" and child.named_child_count == 0 for child in colon.parent.children
    )


def _unexpected_indents(parsed: Parsed, start: int, end: int) -> int:
    """Count statements that stand deeper than the one before them in their block.

    They are looked for from the line of `start` to the one below that of `end`. tree-sitter's
    Python grammar takes them for a part of the block; Python does not.
    """
    if parsed.tree.language.name != "python":
        return 0
    source = parsed.source
    found = 0
    line_start = source.rfind(b"\n", 0, start) + 1
    for _ in range(_MAX_LINES):
        line_end = source.find(b"\n", line_start)
        line = source[line_start : line_end if line_end >= 0 else len(source)]
        body = line.lstrip(b" \t")
        if body.strip() and not body.startswith(b"#"):
            found += _stands_too_deep(parsed, line_start + len(line) - len(body))
            if line_start > end:
                break
        if line_end < 0:
            break
        line_start = line_end + 1
    return found


def _stands_too_deep(parsed: Parsed, offset: int) -> bool:
    """Tell whether a statement begins at an offset, deeper than the one before it in its block."""
    node = parsed.tree.root_node.descendant_for_byte_range(offset, offset + 1)
    while node is not None and node.parent is not None and node.parent.start_byte == offset:
        node = node.parent
    if node is None or node.start_byte != offset or node.parent is None:
        return False
    if node.parent.type not in _BLOCKS:
        return False
    before = node.prev_named_sibling
    while before is not None and before.type == "comment":
        before = before.prev_named_sibling
    return before is not None and before.start_point.column < node.start_point.column
