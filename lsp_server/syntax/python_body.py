"""Reads what the body of a Python function returns, yields, raises, calls and sets."""

import builtins
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import tree_sitter

from lsp_server.docstrings.facts import Raised
from lsp_server.document import Point

FUNCTION: Final = "function_definition"
_SCOPES: Final = frozenset({FUNCTION, "class_definition", "lambda"})
_OTHER_BLOCKS: Final = frozenset(
    {"except_clause", "for_statement", "while_statement", "case_clause"}
)
_NOTHING: Final = frozenset({"pass_statement", "ellipsis"})
_REPLACED: Final = re.compile(r"\{[^{}]*\}")  # what an f-string puts in
_ERROR_WORDS: Final = ("error", "exception", "exit", "interrupt", "warning", "failure")


class Source:
    """The text of a file, by nodes of its tree."""

    def __init__(self, data: bytes) -> None:
        """Take the text.

        Args:
            data: UTF-8, LF line ends.
        """
        self._data = data

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        found = self._data.find(b"\n")
        while found >= 0:
            starts.append(found + 1)
            found = self._data.find(b"\n", found + 1)
        return starts

    def text(self, node: tree_sitter.Node | None) -> str:
        """Return the source of a node."""
        if node is None:
            return ""
        return self._data[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def line(self, node: tree_sitter.Node | None) -> str:
        """Return the source of a node on one line."""
        return " ".join(self.text(node).split())

    def point(self, offset: int) -> Point:
        """Return where a byte stands, in code points."""
        row = self._data.count(b"\n", 0, offset) if offset < 1 << 12 else self._row(offset)
        start = self._line_starts[row]
        return Point(row, len(self._data[start:offset].decode("utf-8", "replace")))

    def _row(self, offset: int) -> int:
        low, high = 0, len(self._line_starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._line_starts[middle] <= offset else (low, middle)
        return low

    def is_inline(self, header_end: int, body: int) -> bool:
        """Tell whether a body goes on on the (continued) line of its header."""
        between = self._data[header_end:body].replace(b"\\\n", b" ")
        return b"\n" not in between


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Names of a file."""

    functions: Mapping[str, str | None]  # with their return annotations
    classes: frozenset[str]
    imported: frozenset[str]
    aliases: frozenset[str] = frozenset()  # of modules and of what is imported from them
    has_cached_property: bool = False  # functools' own, under its name


def children(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Return what stands in a node, without the punctuation."""
    return node.named_children


def own_nodes(
    root: tree_sitter.Node, *, into_functions: bool = False
) -> Iterator[tree_sitter.Node]:
    """Yield the nodes below one in the order of the text; not those of functions inside it."""
    waiting = list(reversed(root.named_children))
    while waiting:
        node = waiting.pop()
        yield node
        if into_functions or node.type not in _SCOPES:
            waiting.extend(reversed(node.named_children))


def returned(source: Source, body: tree_sitter.Node | None) -> tuple[tuple[str, ...], bool]:
    """Return the source of each value returned, and whether one is not None."""
    values: dict[str, None] = {}
    for node in _own(body):
        if node.type == "return_statement" and node.named_children:
            values[source.line(node.named_children[0])] = None
    return tuple(values), any(value != "None" for value in values)


def yielded(source: Source, body: tree_sitter.Node | None) -> list[str]:
    """Return the source of each value yielded; "" for a bare yield."""
    return [
        source.line(node.named_children[0]) if node.named_children else ""
        for node in _own(body)
        if node.type == "yield"
    ]


def calls_of(source: Source, body: tree_sitter.Node | None) -> tuple[str, ...]:
    """Return the names that are called."""
    names = (name_of_call(source, node) for node in _own(body) if node.type == "call")
    return tuple(dict.fromkeys(name for name in names if name))


def name_of_call(source: Source, node: tree_sitter.Node) -> str:
    """Return what a call calls, "" if it has no plain name."""
    function = node.child_by_field_name("function")
    text = source.text(function)
    return text if text.replace(".", "").isidentifier() else ""


def stored_attributes(source: Source, body: tree_sitter.Node | None) -> tuple[str, ...]:
    """Return the attributes of `self` that are set."""
    found: dict[str, None] = {}
    for node in _own(body):
        if node.type not in {"assignment", "augmented_assignment"}:
            continue
        left = node.child_by_field_name("left")
        for target in [left, *(left.named_children if left is not None else [])]:
            text = source.text(target)
            if text.startswith("self.") and text[5:].isidentifier():
                found[text[5:]] = None
    return tuple(found)


def is_stub(source: Source, statements: list[tree_sitter.Node]) -> bool:
    """Tell whether a body does nothing, or nothing but to say that subclasses do it."""
    if len(statements) > 1:
        return False
    for statement in statements:
        inner = statement.named_children[0] if statement.named_children else statement
        if statement.type in _NOTHING or inner.type in _NOTHING:
            continue
        text = source.text(statement)
        if not text.startswith("raise NotImplementedError"):
            return False
    return True


def raised(source: Source, body: tree_sitter.Node | None, known: Known) -> tuple[Raised, ...]:
    """Return the exceptions that a body itself lets out: raised there and not caught there."""
    if body is None:
        return ()
    found: dict[str, Raised] = {}
    reader = _Raises(source, body, known)
    for node in _own(body):
        if node.type != "raise_statement":
            continue
        for name in reader.names(node):
            if reader.is_caught(node, name):
                continue
            old = found.get(name)
            condition, caught = reader.condition(node), reader.handled(node)
            message = reader.message(node)
            found[name] = Raised(
                name=name,
                conditions=(*(old.conditions if old else ()), condition),
                messages=(*(old.messages if old else ()), *([message] if message else ())),
                caught=tuple(dict.fromkeys((*(old.caught if old else ()), *caught))),
            )
    return tuple(
        replace(one, is_aliased="." in name and name.partition(".")[0] in known.aliases)
        for name, one in found.items()
    )


class _Raises:
    """Follows `raise` to the name of what is raised."""

    def __init__(self, source: Source, body: tree_sitter.Node, known: Known) -> None:
        self._source = source
        self._body = body
        self._known = known

    def names(self, node: tree_sitter.Node) -> list[str]:
        """Return what a raise statement raises; nothing where only running it would tell."""
        cause = node.child_by_field_name("cause")
        values = [child for child in node.named_children if child != cause]
        if not values:
            return self._handler_names(node)
        return self._named(values[0], node)

    def _named(self, value: tree_sitter.Node, at: tree_sitter.Node) -> list[str]:
        if value.type == "parenthesized_expression" and value.named_children:
            return self._named(value.named_children[0], at)
        if value.type == "conditional_expression":
            first, _, last = value.named_children
            return [*self._named(first, at), *self._named(last, at)]
        made_by = _innermost_call(value)
        named = value if made_by is None else made_by.child_by_field_name("function")
        if named is None or named.type not in {"identifier", "attribute"}:
            return []
        text = self._source.text(named)
        bound = self._bound(text, at) if made_by is None and named.type == "identifier" else None
        if bound is not None:
            return bound
        is_name = text.replace(".", "").isidentifier()
        return [text] if is_name and self._is_exception(text, called=made_by is not None) else []

    def _is_exception(self, text: str, *, called: bool) -> bool:
        first, _, _ = text.partition(".")
        last = text.rpartition(".")[2]
        if text in self._known.functions:
            return False
        if isinstance(getattr(builtins, text, None), type) or text in self._known.classes:
            return True
        if last[:1].isupper() or last.lstrip("_")[:1].isupper():
            return True
        # `socket.error`, `zlib.error`: classes with names of the old kind.
        return (
            not called
            and "." in text
            and first in self._known.imported
            and (last.lower().endswith(_ERROR_WORDS))
        )

    def _bound(self, name: str, at: tree_sitter.Node) -> list[str] | None:
        """Return what a variable of the function holds: of a handler, or made by one call."""
        for handler in self._handlers_around(at):
            if self._alias(handler) == name:
                return self._caught_by(handler)
        made: list[str] = []
        is_bound = False
        for node in _own(self._body):
            if node.type != "assignment":
                continue
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if left is None or right is None or self._source.text(left) != name:
                continue
            is_bound = True
            if right.type == "call":
                function = right.child_by_field_name("function")
                text = self._source.text(function)
                if text.replace(".", "").isidentifier() and self._is_exception(text, called=True):
                    made.append(text)
        if is_bound:
            return list(dict.fromkeys(made))
        return None

    def _handlers_around(self, node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
        around = node.parent
        while around is not None and around != self._body:
            if around.type in {"except_clause", "except_group_clause"}:
                yield around
            around = around.parent

    def _handler_names(self, node: tree_sitter.Node) -> list[str]:
        handler = next(self._handlers_around(node), None)
        return [] if handler is None else self._caught_by(handler)

    def _alias(self, handler: tree_sitter.Node) -> str:
        for child in handler.named_children:
            if child.type == "as_pattern":
                return self._source.text(child.child_by_field_name("alias"))
        return ""

    def _caught_by(self, handler: tree_sitter.Node) -> list[str]:
        values = [child for child in handler.named_children if child.type != "block"]
        values = [child for child in values if child.type != "comment"]
        if values and values[0].type == "as_pattern":
            values = values[0].named_children[:1]
        if values and values[0].type in {"tuple", "parenthesized_expression"}:
            values = values[0].named_children
        texts = (self._source.text(value) for value in values)
        return [text for text in texts if text.replace(".", "").isidentifier()]

    def is_caught(self, node: tree_sitter.Node, name: str) -> bool:
        """Tell whether a handler of the same function catches what is raised at a node."""
        inside, around = node, node.parent
        while around is not None and inside != self._body:
            if around.type == "try_statement" and around.child_by_field_name("body") == inside:
                handlers = (one for one in around.named_children if one.type == "except_clause")
                first = next((one for one in handlers if self._catches(one, name)), None)
                if first is not None and not self._lets_out(first):
                    return True
            if around.type == "with_statement" and self._suppresses(around, name):
                return True
            inside, around = around, around.parent
        return False

    def _lets_out(self, handler: tree_sitter.Node) -> bool:
        """Tell whether a handler may raise what it has caught again."""
        return any(
            node.type == "raise_statement"
            and self._source.text(node) in {"raise", f"raise {self._alias(handler)}"}
            and next(self._handlers_around(node), None) == handler
            for node in own_nodes(handler)
        )

    def _catches(self, handler: tree_sitter.Node, name: str) -> bool:
        caught = self._caught_by(handler)
        if len([one for one in handler.named_children if one.type not in {"block", "comment"}]) < 1:
            return True
        return any(_is_kind_of(name, one) for one in caught)

    def _suppresses(self, statement: tree_sitter.Node, name: str) -> bool:
        for node in own_nodes(statement):
            if node.type == "block":
                break
            if node.type == "call" and name_of_call(self._source, node).endswith("suppress"):
                arguments = node.child_by_field_name("arguments")
                for argument in arguments.named_children if arguments is not None else ():
                    if _is_kind_of(name, self._source.text(argument)):
                        return True
        return False

    def condition(self, node: tree_sitter.Node) -> str:
        """Return the source of the condition under which a statement runs, "" if there is none."""
        inside, around = node, node.parent
        while around is not None and inside != self._body and around.type not in _OTHER_BLOCKS:
            if around.type in {"if_statement", "elif_clause"} and (
                around.child_by_field_name("consequence") == inside
            ):
                return self._source.line(around.child_by_field_name("condition"))
            if around.type == "else_clause" and around.parent is not None:
                return self._otherwise(around.parent)
            inside, around = around, around.parent
        return ""

    def _otherwise(self, statement: tree_sitter.Node) -> str:
        """Return the condition of an `else` that belongs to a lone `if`."""
        is_alone = not any(one.type == "elif_clause" for one in statement.named_children)
        if statement.type != "if_statement" or not is_alone:
            return ""
        test = self._source.line(statement.child_by_field_name("condition"))
        return f"not ({test})" if " " in test else f"not {test}"

    def handled(self, node: tree_sitter.Node) -> tuple[str, ...]:
        """Return what the handler around a statement has caught."""
        return tuple(self._handler_names(node))

    def message(self, node: tree_sitter.Node) -> str:
        """Return the plain string with which an exception is made, "" if there is none."""
        value = next((child for child in node.named_children if child.type == "call"), None)
        arguments = None if value is None else value.child_by_field_name("arguments")
        first = arguments.named_children[:1] if arguments is not None else []
        for argument in first:
            text = self._source.text(argument)
            if argument.type == "string" and text[:1] in "\"'f" and "\n" not in text:
                return _REPLACED.sub("...", text.removeprefix("f").strip("\"'"))
        return ""


def _is_kind_of(name: str, base: str) -> bool:
    if name == base or base in {"Exception", "BaseException"}:
        return True
    one, other = getattr(builtins, name, None), getattr(builtins, base, None)
    return isinstance(one, type) and isinstance(other, type) and issubclass(one, other)


def _innermost_call(value: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the call that makes an exception: that of `ValueError(...).with_traceback(...)`."""
    call = value if value.type == "call" else None
    while call is not None:
        function = call.child_by_field_name("function")
        inner = None if function is None else function.child_by_field_name("object")
        if inner is None or inner.type != "call":
            break
        call = inner
    return call


def _own(body: tree_sitter.Node | None) -> Iterator[tree_sitter.Node]:
    return iter(()) if body is None else own_nodes(body)
