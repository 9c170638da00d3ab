"""Reads the facts about each function of a file that is not Python, its comment included."""

from dataclasses import replace
from typing import Final

import tree_sitter

from lsp_server.docstrings.facts import (
    FunctionFacts,
    ModuleFacts,
    Parameter,
    ParameterKind,
    Raised,
    Span,
)
from lsp_server.document import Point
from lsp_server.syntax.callable_body import (
    called_names,
    conditions_of_throws,
    own_nodes,
    returned_values,
)
from lsp_server.syntax.callable_parameters import (
    declared_exceptions,
    declared_return,
    is_nothing,
    parameters_of,
    type_parameters_of,
)
from lsp_server.syntax.callable_uses import uses_of
from lsp_server.syntax.callables import FUNCTIONS, Callable, find_callables, text_of
from lsp_server.syntax.comment_tokens import COMMENTS
from lsp_server.syntax.parsing import parse

_PARSE_S: Final = 2.0
INTERFACE: Final = "interface"  # among the modifiers of what an interface or trait declares
_ATTRIBUTES: Final = frozenset({"attribute_item", "decorator"})
_DIRECTIVES: Final = ("//go:", "//nolint", "//export ", "//line ")
_DOC_OPENINGS: Final = ("/**", "/*!", "///", "//!")
_GENERATORS: Final = frozenset({"generator_function_declaration", "generator_function"})


def is_commented(grammar: str | None) -> bool:
    """Tell whether the functions of a language have comments that Mixline can write."""
    return grammar in FUNCTIONS


def read_callables(text: str, grammar: str) -> ModuleFacts | None:
    """Return the facts of a file; None if it takes too long to parse.

    A function whose header has a syntax error is left out. `Span.docstring` is the comment that
    describes a function already, `Span.start` the place of a new one.

    Args:
        text: the file, LF line ends.
        grammar: one that `is_commented`.
    """
    data = text.encode("utf-8", "replace")
    parsed = parse(grammar, data, time_limit_s=_PARSE_S)
    if parsed is None:
        return None
    places = _Places(data)
    return ModuleFacts(
        definitions=tuple(
            _facts(one, grammar, places) for one in find_callables(parsed.tree.root_node, grammar)
        )
    )


class _Places:
    """Turns tree-sitter's bytes into code points."""

    def __init__(self, data: bytes) -> None:
        self._lines = data.split(b"\n")

    def point(self, point: tree_sitter.Point) -> Point:
        if point.row >= len(self._lines):
            return Point(len(self._lines) - 1, len(self._lines[-1].decode("utf-8", "replace")))
        before = self._lines[point.row][: point.column]
        return Point(point.row, len(before.decode("utf-8", "replace")))

    def end(self, node: tree_sitter.Node) -> Point:
        """Return the end of a node; Rust's line comments go on to the next line."""
        text = text_of(node).rstrip("\r\n")
        row = node.start_point.row + text.count("\n")
        if "\n" in text:
            return Point(row, len(text.rpartition("\n")[2]))
        start = self.point(node.start_point)
        return Point(row, start.column + len(text))


def _facts(found: Callable, grammar: str, places: _Places) -> FunctionFacts:
    body = found.body
    start, docstring = _documentation(found, grammar, places)
    declared = declared_return(found, grammar)
    values = returned_values(body, grammar)
    is_stub = body is None
    is_generator = found.node.type in _GENERATORS or (
        found.node.type == "method_definition"
        and any(child.type == "*" for child in found.node.children)
    )
    returns_value = bool(values) if declared is None else not is_nothing(declared)
    header_end = places.point(found.whole.end_point if body is None else body.start_point)
    return FunctionFacts(
        name=found.name,
        owner=found.owner,
        span=Span(
            start=start,
            name=places.point(found.node.start_point),
            end=places.end(found.whole),
            header_end=header_end,
            body=header_end,
            body_is_inline=False,
            docstring=docstring,
        ),
        parameters=(
            *(_type_parameter(name) for name in _type_names(found, grammar)),
            *_with_uses(found, grammar),
        ),
        decorators=(*found.modifiers, *([INTERFACE] if found.is_in_interface else [])),
        is_async=any(child.type == "async" for child in found.node.children),
        return_annotation=declared,
        returns=values,
        returns_value=returns_value and not is_generator,
        yields=(),
        is_generator=is_generator,
        raises=tuple(
            Raised(
                name=name,
                conditions=conditions_of_throws(body, name),
                messages=(),
                caught=(),
            )
            for name in declared_exceptions(found)
        ),
        calls=called_names(body),
        sets=(),
        is_stub=is_stub,
        num_statements=_num_statements(body),
    )


def _type_names(found: Callable, grammar: str) -> tuple[str, ...]:
    return type_parameters_of(found) if grammar == "java" else ()


def _type_parameter(name: str) -> Parameter:
    return Parameter(
        name=f"<{name}>", kind=ParameterKind.POSITIONAL_ONLY, annotation=None, default=None
    )


def _with_uses(found: Callable, grammar: str) -> list[Parameter]:
    parameters = parameters_of(found, grammar)
    body = found.body
    if body is None:
        return list(parameters)
    before = [child for child in found.node.children if child.type == "field_initializer_list"]
    uses = uses_of([*before, body], [one.name for one in parameters])
    return [replace(one, uses=used) for one, used in zip(parameters, uses, strict=True)]


def _num_statements(body: tree_sitter.Node | None) -> int:
    if body is None:
        return 0
    return sum(
        node.type.endswith(("_statement", "_declaration", "declaration"))
        and node.type != "compound_statement"
        for node in own_nodes(body)
        if node != body
    )


def _documentation(
    found: Callable, grammar: str, places: _Places
) -> tuple[Point, tuple[Point, Point] | None]:
    """Return where a comment is to begin, and where the one that is there stands."""
    begin = found.whole
    comment: list[tree_sitter.Node] = []  # the last first
    below = places.point(begin.start_point).line
    node = begin.prev_sibling
    while node is not None and node.type in COMMENTS | _ATTRIBUTES:
        is_above = places.end(node).line == below - 1
        if _shares_line(node, places) or (grammar == "go" and not is_above):
            break
        if _belongs(node, grammar):
            if not comment:
                begin = node
            comment += [node] if _is_doc_attribute(node) else []
        elif _is_documentation(node, grammar):
            if node.prev_sibling is None and not is_above:
                break  # the file's
            comment.append(node)
        below = places.point(node.start_point).line
        node = node.prev_sibling
    start = places.point(begin.start_point)
    if not comment:
        return start, None
    return start, (places.point(comment[-1].start_point), places.end(comment[0]))


def _belongs(node: tree_sitter.Node, grammar: str) -> bool:
    """Tell whether a node above a function is part of it: an attribute, Go's directives."""
    is_directive = grammar == "go" and text_of(node).startswith(_DIRECTIVES)
    return node.type in _ATTRIBUTES or is_directive


def _shares_line(node: tree_sitter.Node, places: _Places) -> bool:
    """Tell whether a comment stands behind something else on its line."""
    before = node.prev_sibling
    row = node.start_point.row
    return before is not None and before.type not in COMMENTS and places.end(before).line == row


def _is_documentation(node: tree_sitter.Node, grammar: str) -> bool:
    text = text_of(node).rstrip()
    if grammar == "go":
        return True
    if not text.startswith(_DOC_OPENINGS) or text[3:4] in {"<", "/"} or text == "/**/":
        return False
    if grammar in {"c", "cpp"}:
        return True
    return text.startswith(("///", "/**") if grammar == "rust" else "/**")


def _is_doc_attribute(node: tree_sitter.Node) -> bool:
    return text_of(node).replace(" ", "").startswith("#[doc=")
