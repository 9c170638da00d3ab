"""The names that a Python file defines, with where each is visible: one table per syntax tree.

A top-level statement's names are found once and taken over as long as its text stays the same, so
that a key costs the statement it stands in.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache
from operator import attrgetter
from typing import Final, NamedTuple

import tree_sitter

from lsp_server.syntax.grammars import load_grammar
from lsp_server.syntax.parsing import Parsed

_OUTSIDE: Final = -1
_QUERY: Final = """
(function_definition name: (identifier) @definition) @function
(class_definition name: (identifier) @definition) @class
(parameters [(identifier) @define
             (default_parameter name: (identifier) @define)
             (typed_parameter . (identifier) @define)
             (typed_default_parameter name: (identifier) @define)
             (list_splat_pattern (identifier) @define)
             (dictionary_splat_pattern (identifier) @define)
             (typed_parameter (list_splat_pattern (identifier) @define))
             (typed_parameter (dictionary_splat_pattern (identifier) @define))])
(lambda_parameters [(identifier) @define
                    (default_parameter name: (identifier) @define)
                    (list_splat_pattern (identifier) @define)
                    (dictionary_splat_pattern (identifier) @define)])
(assignment left: (identifier) @define)
(augmented_assignment left: (identifier) @define)
(named_expression name: (identifier) @define)
(for_statement left: (identifier) @define)
(for_in_clause left: (identifier) @define)
(pattern_list (identifier) @define)
(tuple_pattern (identifier) @define)
(list_pattern (identifier) @define)
(list_splat_pattern (identifier) @define)
(as_pattern_target [(identifier) @define (tuple (identifier) @define)])
(import_statement name: (dotted_name . (identifier) @define))
(aliased_import alias: (identifier) @define)
(import_from_statement name: (dotted_name . (identifier) @define))
(wildcard_import) @star
(global_statement (identifier) @define)
(nonlocal_statement (identifier) @define)
(case_pattern (dotted_name . (identifier) @define .))
(keyword_pattern (identifier) (dotted_name . (identifier) @define .))
(splat_pattern (identifier) @define)
(type_alias_statement left: (type [(identifier) @define (generic_type (identifier) @define)]))
(function_definition type_parameters: (type_parameter (type (identifier) @define)))
(class_definition type_parameters: (type_parameter (type (identifier) @define)))
"""


class _Block(NamedTuple):
    """A function or class, from its first byte to behind its last one."""

    start: int
    end: int
    is_class: bool


class Scope(NamedTuple):
    """A function or class with the names that live in it."""

    start: int
    end: int
    is_class: bool
    names: frozenset[str]


class _Chunk(NamedTuple):
    """The names of one statement; offsets count from its beginning."""

    scopes: tuple[Scope, ...]  # in the order of their starts
    names: frozenset[str]  # of the module or class that the statement stands in
    has_star: bool


class SymbolTable:
    """The definitions of one file; see `symbols`."""

    def __init__(self) -> None:
        self.chunks: dict[bytes, _Chunk] = {}
        self.module_names: set[str] = set()
        self.has_star = False
        self._starts: list[int] = []
        self._placed: list[tuple[_Chunk, Scope | None]] = []  # with the class around it

    def place(self, start: int, chunk: _Chunk, owner: Scope | None) -> None:
        """Add a statement, in the order of the file."""
        self._starts.append(start)
        self._placed.append((chunk, owner))
        self.has_star = self.has_star or chunk.has_star
        if owner is None:
            self.module_names |= chunk.names

    def scopes_at(self, offset: int) -> Iterator[Scope]:
        """Yield the scopes around a byte offset, the innermost first; their offsets are inexact."""
        at = bisect_right(self._starts, offset) - 1
        if at < 0:
            return
        chunk, owner = self._placed[at]
        inside = offset - self._starts[at]
        for scope in reversed(chunk.scopes):
            if scope.start <= inside <= scope.end:
                yield scope
        if owner is not None and owner.start <= offset <= owner.end:
            yield owner

    def is_visible(self, name: str, offset: int) -> bool:
        """Tell whether a name of this file means something at a byte offset."""
        if name in self.module_names:
            return True
        innermost = True
        for scope in self.scopes_at(offset):
            if (innermost or not scope.is_class) and name in scope.names:
                return True
            innermost = False
        return False


def symbols(parsed: Parsed, known: SymbolTable | None = None) -> SymbolTable:
    """Return the table of a Python tree.

    Args:
        parsed: the tree.
        known: the table of an earlier version of the same file.
    """
    old = {} if known is None else known.chunks
    table = SymbolTable()

    def chunk_of(node: tree_sitter.Node) -> _Chunk:
        if node.has_error:  # what it is may depend on what stands around it
            return _chunk(node, parsed.source)
        source = parsed.source[node.start_byte : node.end_byte]
        chunk = table.chunks.get(source) or old.get(source) or _chunk(node, parsed.source)
        table.chunks[source] = chunk
        return chunk

    for node in parsed.tree.root_node.children:
        definition = node.child_by_field_name("definition") or node
        body = definition.child_by_field_name("body")
        if definition.type != "class_definition" or body is None:
            table.place(node.start_byte, chunk_of(node), None)
            continue
        members = [(member.start_byte, chunk_of(member)) for member in body.children]
        owner = Scope(
            start=node.start_byte,
            end=node.end_byte,
            is_class=True,
            names=frozenset[str]().union(*(chunk.names for _, chunk in members)),
        )
        if (name := definition.child_by_field_name("name")) is not None:
            table.module_names.add(_text(name, parsed.source))
        for start, chunk in members:
            table.place(start, chunk, owner)
    return table


@cache
def _query() -> tree_sitter.Query | None:
    language = load_grammar("python")
    return None if language is None else tree_sitter.Query(language, _QUERY)


def _chunk(node: tree_sitter.Node, source: bytes) -> _Chunk:
    query = _query()
    found = {} if query is None else tree_sitter.QueryCursor(query).captures(node)
    base = node.start_byte
    blocks = _Blocks(
        _Block(block.start_byte - base, block.end_byte - base, is_class)
        for key, is_class in (("function", False), ("class", True))
        for block in found.get(key, ())
    )
    names: list[set[str]] = [set() for _ in blocks.blocks]
    names.append(set())  # of what stands outside: its index is -1
    for name in found.get("define", ()):
        names[blocks.innermost(name.start_byte - base)].add(_text(name, source))
    for name in found.get("definition", ()):  # lives around the block that it names
        scope = blocks.innermost(name.start_byte - base)
        names[scope if scope == _OUTSIDE else blocks.outer[scope]].add(_text(name, source))
    return _Chunk(
        scopes=tuple(
            Scope(*block, names=frozenset(inside))
            for block, inside in zip(blocks.blocks, names, strict=False)
        ),
        names=frozenset(names[_OUTSIDE]),
        has_star="star" in found,
    )


class _Blocks:
    """Functions and classes in the order of their starts, with the one around each."""

    def __init__(self, blocks: Iterable[_Block]) -> None:
        self.blocks = sorted(blocks)
        self.outer: list[int] = []
        around: list[int] = []
        for index, block in enumerate(self.blocks):
            while around and self.blocks[around[-1]].end <= block.start:
                around.pop()
            self.outer.append(around[-1] if around else _OUTSIDE)
            around.append(index)

    def innermost(self, offset: int) -> int:
        """Return the index of the innermost block around an offset, -1 for none."""
        index = bisect_right(self.blocks, offset, key=attrgetter("start")) - 1
        while index != _OUTSIDE and self.blocks[index].end <= offset:
            index = self.outer[index]
        return index


def _text(node: tree_sitter.Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")
