"""What the body of a function that is not Python's calls, returns and throws."""

import re
from collections.abc import Iterator
from typing import Final

import tree_sitter

from lsp_server.syntax.callables import FUNCTIONS, NAMELESS, text_of

NESTED: Final = NAMELESS | frozenset.union(
    *FUNCTIONS.values(), {"closure_expression", "func_literal", "lambda_expression"}
)
RETURNS: Final = frozenset({"return_statement", "return_expression"})
CALLS: Final = frozenset(
    {
        *("call_expression", "new_expression", "method_invocation", "object_creation_expression"),
        *("macro_invocation", "field_initializer"),
    }
)
_CALLEE: Final = re.compile(r"[\w$#]+(?:(?:\.|::|->|\?\.)[\w$#]+)*!?")
# Calls that a summary would say nothing with.
_EMPTY_CALLS: Final = frozenset(
    {
        *("Some", "Ok", "Err", "Box::new", "len", "make", "append", "sizeof", "String", "super"),
        "new",
    }
)


def own_nodes(body: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield the nodes of a body in order, those of functions inside it left out."""
    waiting = [body]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(
            child
            for child in reversed(node.named_children)
            if child.type not in NESTED or child == body
        )


def source_of(node: tree_sitter.Node | None) -> str:
    """Return source as a comment may quote it, "" if it would end the comment."""
    text = text_of(node).rstrip(";")
    return "" if "*/" in text or "/*" in text else text


def returned_values(body: tree_sitter.Node | None, grammar: str) -> tuple[str, ...]:
    """Return the source of each value that a body returns, each once."""
    if body is None:
        return ()
    if not body.type.endswith(("block", "body", "statement")):
        return (source_of(body),)  # (a) => a
    values = [
        source_of(node.named_children[0])
        for node in own_nodes(body)
        if node.type in RETURNS and node.named_children
    ]
    if grammar == "rust" and body.named_children:
        last = body.named_children[-1]
        if not last.type.endswith(("_statement", "_declaration", "_item", "comment")):
            values.append(source_of(last))
    return tuple(dict.fromkeys(values))


def called_names(body: tree_sitter.Node | None) -> tuple[str, ...]:
    """Return what a body calls, each once."""
    if body is None:
        return ()
    names = [
        callee_of(node)
        for node in own_nodes(body)
        if node.type in CALLS and (node.parent is None or node.parent.type != "throw_statement")
    ]
    return tuple(
        dict.fromkeys(
            name for name in names if _CALLEE.fullmatch(name) and name not in _EMPTY_CALLS
        )
    )


def conditions_of_throws(body: tree_sitter.Node | None, name: str) -> tuple[str, ...]:
    """Return the innermost condition around each `throw new` of an exception, "" for none."""
    conditions = []
    for node in () if body is None else own_nodes(body):
        if node.type != "throw_statement" or not text_of(node).startswith(f"throw new {name}("):
            continue
        around = node.parent
        while around is not None and around != body and around.type != "if_statement":
            around = around.parent
        condition = ""
        if around is not None and around.type == "if_statement":
            then = around.child_by_field_name("consequence")
            if then is not None and then.start_byte <= node.start_byte < then.end_byte:
                condition = source_of(around.child_by_field_name("condition"))[1:-1]
        conditions.append(condition)
    return tuple(conditions)


def callee_of(call: tree_sitter.Node) -> str:
    """Return the source of what a call calls, `!` behind a macro."""
    for field in ("function", "constructor", "macro", "type"):
        named = call.child_by_field_name(field)
        if named is not None:
            return source_of(named) + ("!" if field == "macro" else "")
    owner, name = call.child_by_field_name("object"), call.child_by_field_name("name")
    return f"{source_of(owner)}.{source_of(name)}" if owner is not None else source_of(name)
