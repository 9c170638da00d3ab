"""A correct Python file that bugs are made in: its text, its lines, its syntax tree."""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

from evaluation.repositories import SourceFile

_Node = TypeVar("_Node", bound=ast.expr)


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """One file; columns count characters, since nodes on lines with others are left out."""

    file: SourceFile
    lines: tuple[str, ...]  # without their ends
    tree: ast.Module

    @classmethod
    def parse(cls, file: SourceFile) -> Self | None:
        """Return the file with its tree, None where CPython does not accept it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                tree = ast.parse(file.text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return None
        return cls(file=file, lines=tuple(file.text.split("\n")), tree=tree)

    def nodes(self, kind: type[_Node]) -> Iterator[_Node]:
        """Yield the nodes of a kind that stand on one line of ASCII characters."""
        for node in ast.walk(self.tree):
            if (
                isinstance(node, kind)
                and node.lineno == node.end_lineno
                and self.lines[node.lineno - 1].isascii()
            ):
                yield node

    def with_line(self, number: int, *lines: str) -> str:
        """Return the text with other lines in place of line `number`, from 0."""
        return "\n".join([*self.lines[:number], *lines, *self.lines[number + 1 :]])

    def with_part(self, number: int, start: int, end: int, text: str) -> str:
        """Return the text with another text between two columns of line `number`, from 0."""
        line = self.lines[number]
        return self.with_line(number, line[:start] + text + line[end:])
