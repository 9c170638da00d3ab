"""What is wrong in a whole file for its parsers: syntax errors, and names that nothing defines."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import tree_sitter

from lsp_server.document import Document, Point
from lsp_server.syntax.grammars import grammar_name
from lsp_server.syntax.names import undefined_identifiers
from lsp_server.syntax.parsing import Parsed, parse
from lsp_server.syntax.silence import silenced
from lsp_server.syntax.symbols import symbols

_MAX_FAULTS: Final = 100
_MAX_NODES: Final = 50_000
_MAX_COMPILED_CHARACTERS: Final = 256_000  # about 35 ms, in which nothing else can happen
_SHOWN_CHARACTERS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong; the end is the first point behind it."""

    start: Point
    end: Point
    message: str


def parsed_whole(document: Document, path: str) -> Parsed | None:
    """Return the tree of a whole document, None if there is no grammar for it or not the time."""
    grammar = grammar_name(document.language, path)
    if grammar is None:
        return None
    return parse(grammar, document.text().encode("utf-8", "replace"))


def syntax_faults(parsed: Parsed) -> tuple[Fault, ...]:
    """Return what the parser could not place and what it had to imagine, from the top down."""
    return tuple(islice(_faulty_nodes(parsed), _MAX_FAULTS))


def compile_fault(document: Document) -> Fault | None:
    """Return CPython's first complaint about a Python file; nothing of the file is run.

    None also for a file that is too long or too deeply nested to be compiled in passing.
    """
    if document.length > _MAX_COMPILED_CHARACTERS:
        return None
    text = document.text().encode("utf-8", "replace").decode("utf-8")
    try:
        with silenced():
            compile(text, "<text>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return _of_syntax_error(document, error)
    except (ValueError, MemoryError, RecursionError):  # null bytes, nesting
        return None
    return None


def unresolved_names(parsed: Parsed) -> tuple[tuple[Fault, str], ...]:
    """Return the names of a Python file that nothing in it accounts for, each with its name."""
    if parsed.tree.language.name != "python":
        return ()
    nodes = undefined_identifiers(parsed, symbols(parsed), 0, len(parsed.source))
    found = []
    for node in nodes[:_MAX_FAULTS]:
        name = _text(parsed, node)
        fault = Fault(
            start=_point(parsed, node.start_byte),
            end=_point(parsed, node.end_byte),
            message=f"undefined name `{name}`",
        )
        found.append((fault, name))
    return tuple(found)


def _faulty_nodes(parsed: Parsed) -> Iterator[Fault]:
    waiting = [parsed.tree.root_node]
    visited = 0
    while waiting and visited < _MAX_NODES:
        node = waiting.pop()
        visited += 1
        if node.is_missing or node.is_error:
            yield Fault(
                start=_point(parsed, node.start_byte),
                end=_point(parsed, node.end_byte),
                message=_complaint(parsed, node),
            )
        elif node.has_error:
            waiting.extend(reversed([child for child in node.children if child.has_error]))


def _complaint(parsed: Parsed, node: tree_sitter.Node) -> str:
    if node.is_missing:
        return f"expected `{node.type}`"
    text = " ".join(_text(parsed, node).split())
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "..."
    return f"unexpected `{text}`"


def _of_syntax_error(document: Document, error: SyntaxError) -> Fault:
    # https://docs.python.org/3/library/exceptions.html#SyntaxError: both count from 1 and may be
    # None; an end offset of 0 or less means that it is not known.
    start = _inside(document, error.lineno or 1, error.offset or 1)
    end = _inside(document, error.end_lineno or error.lineno or 1, error.end_offset or 0)
    return Fault(start=start, end=max(start, end), message=str(error.msg))


def _inside(document: Document, line: int, column: int) -> Point:
    row = min(max(line - 1, 0), len(document.lines) - 1)
    return Point(row, min(max(column - 1, 0), len(document.line(row))))


def _point(parsed: Parsed, offset: int) -> Point:
    line_start = parsed.source.rfind(b"\n", 0, offset) + 1
    line = parsed.source[line_start:offset].decode("utf-8", "replace")
    return Point(parsed.source.count(b"\n", 0, offset), len(line))


def _text(parsed: Parsed, node: tree_sitter.Node) -> str:
    return parsed.source[node.start_byte : node.end_byte].decode("utf-8", "replace")
