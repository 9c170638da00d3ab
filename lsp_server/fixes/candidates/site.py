"""A diagnostic in its document, as the repairs see it: text, tree, what stands at its place."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Candidate, Change, Origin
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.kinds import Kind, kind_of
from lsp_server.fixes.names.known import Names
from lsp_server.fixes.statements import tree_of
from lsp_server.syntax.grammars import grammar_name
from lsp_server.syntax.parsing import Parsed, parse
from lsp_server.syntax.symbols import SymbolTable, symbols

_MOST_CHARACTERS: Final = 400_000  # of a document; a longer one is not looked at


@dataclass(frozen=True, kw_only=True)
class Site:
    """Everything the repairs of one diagnostic are derived from."""

    document: Document
    diagnostic: Diagnostic
    names: Names
    path: str  # of the document, inside the workspace, with "/"

    @cached_property
    def kind(self) -> Kind | None:
        """What is complained of."""
        return kind_of(self.diagnostic)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines without their ends."""
        return tuple(map(self.document.line, range(len(self.document.lines))))

    @property
    def row(self) -> int:
        """The line where the diagnostic begins."""
        return min(self.diagnostic.start.line, len(self.lines) - 1)

    @cached_property
    def is_python(self) -> bool:
        """Whether CPython's own parser reads it."""
        return self.document.language == "python"

    @cached_property
    def tree(self) -> ast.Module | None:
        """The Python tree, None where there is none."""
        return tree_of(self.document)

    @cached_property
    def parsed(self) -> Parsed | None:
        """The tree-sitter tree, also of a text that does not parse."""
        grammar = grammar_name(self.document.language, self.document.uri)
        if grammar is None or self.document.length > _MOST_CHARACTERS:
            return None
        return _parsed(grammar, self.document.text())

    @cached_property
    def symbols(self) -> SymbolTable | None:
        """The names that a Python file defines, and where."""
        return None if self.parsed is None or not self.is_python else symbols(self.parsed)

    def offset(self, point: Point) -> int:
        """Return the byte where a point stands in `parsed`."""
        before = "\n".join([*self.lines[: point.line], self.lines[point.line][: point.column]])
        return len(before.encode("utf-8", "replace"))

    def column(self, row: int, byte_column: int) -> int:
        """Return the code points before a byte column of CPython's or tree-sitter's."""
        line = self.lines[row]
        if line.isascii():
            return byte_column
        return len(line.encode("utf-8", "replace")[:byte_column].decode("utf-8", "replace"))

    def start_of(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg) -> Point:
        """Return where a node begins."""
        return Point(node.lineno - 1, self.column(node.lineno - 1, node.col_offset))

    def end_of(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg) -> Point:
        """Return the place behind a node."""
        row = (node.end_lineno or node.lineno) - 1
        return Point(row, self.column(row, node.end_col_offset or 0))

    @cached_property
    def word(self) -> tuple[Point, str]:
        """The identifier at the diagnostic's beginning and where it starts; "" for none."""
        row, column = self.row, min(self.diagnostic.start.column, len(self.lines[self.row]))
        line = self.lines[row]
        start = column
        while start > 0 and (line[start - 1].isalnum() or line[start - 1] == "_"):
            start -= 1
        end = column
        while end < len(line) and (line[end].isalnum() or line[end] == "_"):
            end += 1
        return Point(row, start), line[start:end]

    def covers(self, node: ast.expr | ast.stmt) -> bool:
        """Tell whether a node lies around the diagnostic's beginning."""
        return self.start_of(node) <= self.diagnostic.start <= self.end_of(node)

    @cached_property
    def around(self) -> tuple[ast.AST, ...]:
        """The functions and classes around the diagnostic, the innermost first."""
        if self.tree is None:
            return ()
        found: list[ast.AST] = []
        body: list[ast.AST] = [self.tree]
        while body:
            node = body.pop()
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
                    end = getattr(child, "end_lineno", None)
                    start = getattr(child, "lineno", None)
                    if (
                        end is not None
                        and start is not None
                        and not (
                            start - len(getattr(child, "decorator_list", ())) - 1
                            <= self.row
                            <= end - 1
                        )
                    ):
                        continue
                    if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                        found.append(child)
                    body.append(child)
        return tuple(reversed(found))

    def replaced(self, title: str, start: Point, end: Point, text: str, cost: float) -> Candidate:
        """Return a candidate that changes one place."""
        change = Change(start=start, end=end, text=text)
        return Candidate(title=title, changes=(change,), origin=Origin.ENUMERATED, cost=cost)

    def line_replaced(self, title: str, row: int, text: str, cost: float) -> Candidate:
        """Return a candidate that changes one line where it differs."""
        old = self.lines[row]
        start = 0
        while start < min(len(old), len(text)) and old[start] == text[start]:
            start += 1
        end = 0
        while end < min(len(old), len(text)) - start and old[-1 - end] == text[-1 - end]:
            end += 1
        return self.replaced(
            title,
            Point(row, start),
            Point(row, len(old) - end),
            text[start : len(text) - end],
            cost,
        )

    def line_removed(self, title: str, first: int, last: int, cost: float) -> Candidate:
        """Return a candidate that takes away whole lines, `last` included."""
        if last + 1 < len(self.lines):
            return self.replaced(title, Point(first, 0), Point(last + 1, 0), "", cost)
        start = Point(first - 1, len(self.lines[first - 1])) if first else Point(0, 0)
        return self.replaced(title, start, Point(last, len(self.lines[last])), "", cost)

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        """Yield the tree's nodes of some kinds."""
        if self.tree is not None:
            for node in ast.walk(self.tree):
                if isinstance(node, kinds):
                    yield node


@lru_cache(maxsize=4)
def _parsed(grammar: str, text: str) -> Parsed | None:
    return parse(grammar, text.encode("utf-8", "replace"))
