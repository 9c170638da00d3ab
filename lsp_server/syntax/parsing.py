"""Syntax trees of the text around a cursor, parsed in bounded time, again only where it changed."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import tree_sitter

from inference import common_prefix
from lsp_server.document import Document, Point, normalise_line_ends
from lsp_server.syntax.grammars import grammar_name, load_grammar

# Text of a document that is parsed to each side of the cursor: 128,000 characters of Python take
# about 12 ms, and 1 ms when they are parsed again after an edit. Of a document that takes longer
# than the time limit less is parsed from then on, down to the least. Its clock is the thread's own:
# what else the machine does changes no verdict.
_REACH = 64_000
_LEAST_REACH = 1_000
_SHRINK = 8
_TIME_LIMIT_S = 0.05
_CLOSERS = ")]}"  # at the left margin they end a definition
_local = threading.local()
_CHUNK = 1 << 16  # bytes that the parser is handed at a time
_SHORT = 64  # bytes that a node is
_MAX_TREES = 16

_Derived = TypeVar("_Derived")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """The part of a document that is parsed, with its cursor."""

    grammar: str
    before: bytes  # UTF-8, LF line ends
    behind: bytes

    @property
    def source(self) -> bytes:
        """The whole text."""
        return self.before + self.behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A text with its syntax tree."""

    source: bytes
    tree: tree_sitter.Tree


def region_around(
    document: Document, cursor: Point, path: str, reach: int = _REACH
) -> Region | None:
    """Return what is to be parsed for a place: a short document whole, of a long one its middle.

    A long document is cut before lines that begin at the left margin, where most languages begin a
    definition. None if there is no grammar for the document.
    """
    grammar = grammar_name(document.language, path)
    if grammar is None:
        return None
    lines, row = document.lines, cursor.line
    first, size = row, cursor.column
    while first > 0 and size + len(lines[first - 1]) <= reach:
        first -= 1
        size += len(lines[first])
    if first > 0:
        first = next((n for n in range(first, row) if _begins(lines[n])), first)
    end, size = row + 1, len(lines[row]) - cursor.column
    while end < len(lines) and size + len(lines[end]) <= reach:
        size += len(lines[end])
        end += 1
    if end < len(lines):
        end = next((n for n in range(end, row, -1) if _begins(lines[n])), end)
    head, tail = lines[row][: cursor.column], lines[row][cursor.column :]
    return Region(
        grammar=grammar,
        before=_bytes("".join(lines[first:row]) + head[-reach:]),
        behind=_bytes(tail[:reach] + "".join(lines[row + 1 : end])),
    )


def _begins(line: str) -> bool:
    return bool(line[:1].strip()) and line[0] not in _CLOSERS


class SyntaxTrees:
    """The last tree of each document, from which the next one is made."""

    def __init__(self) -> None:
        self._trees: OrderedDict[tuple[str, str], Parsed] = OrderedDict()
        self._reaches: dict[str, int] = {}  # of documents that take too long
        self._derived: dict[str, object] = {}

    def around(
        self, document: Document, cursor: Point, path: str, change: Callable[[Region], Region]
    ) -> tuple[Region, Parsed] | None:
        """Return the region around a place and its tree, None if there is no grammar or no time.

        Args:
            document: where the place is.
            cursor: the place.
            path: of the document.
            change: what is done to the region before it is parsed.
        """
        while True:
            reach = self._reaches.get(document.uri, _REACH)
            region = region_around(document, cursor, path, reach)
            if region is None:
                return None
            region = change(region)
            parsed = self.parse(document.uri, region)
            if parsed is not None:
                return region, parsed
            if not self.shrink(document.uri):
                return None

    def shrink(self, uri: str) -> bool:
        """Parse less of a document from now on, since it takes too long; False if it is least."""
        reach = self._reaches.get(uri, _REACH)
        if reach <= _LEAST_REACH:
            return False
        self._reaches[uri] = reach // _SHRINK
        return True

    def parse(self, uri: str, region: Region) -> Parsed | None:
        """Return the tree of a region, or None if its grammar or the time does not suffice."""
        key = (uri, region.grammar)
        known = self._trees.pop(key, None)
        parsed = parse(region.grammar, region.source, known)
        if parsed is not None:
            self._trees[key] = parsed
            if len(self._trees) > _MAX_TREES:
                self._trees.popitem(last=False)
        return parsed

    def derived(self, uri: str, make: Callable[[Any], _Derived]) -> _Derived:
        """Return something made of a document's tree, and remember it.

        Args:
            uri: of the document.
            make: is given what was remembered last, None at first.
        """
        made = make(self._derived.get(uri))
        self._derived[uri] = made
        return made

    def forget(self, uri: str) -> None:
        """Drop a document's trees."""
        self._derived.pop(uri, None)
        for key in [key for key in self._trees if key[0] == uri]:
            del self._trees[key]
        self._reaches.pop(uri, None)


def parse(
    grammar: str,
    source: bytes,
    known: Parsed | None = None,
    *,
    time_limit_s: float | None = None,
) -> Parsed | None:
    """Parse a text, reusing what it has in common with one that was parsed before.

    Returns:
        None if the grammar cannot be loaded, or if parsing would take longer than the limit (50 ms
        of processor time where somebody types): some grammars take minutes for a hostile file of
        100 kB.
    """
    if known is not None and known.source == source:
        return known
    language = load_grammar(grammar)
    if language is None:
        return None
    limit_s = _TIME_LIMIT_S if time_limit_s is None else time_limit_s
    deadline = time.thread_time() + limit_s
    parser = tree_sitter.Parser(language)
    read = _Reader(source)
    stop = partial(_is_over, deadline)
    try:
        if known is None:
            tree = parser.parse(read, progress_callback=stop)
        else:
            tree = parser.parse(read, _moved(known, source), progress_callback=stop)
    except ValueError:  # stopped
        return None
    finally:
        read.end()
    return Parsed(source=source, tree=tree)


class _Reader:
    """Hands a text out: to the parser, and later to nodes of its tree.

    Up to 0.26.1 tree-sitter's binding never lets go of what it was handed: all texts that were
    ever parsed would stay. The parser takes the same object each time, one for each thread; nodes
    must be given new ones, so these are short.
    """

    def __init__(self, source: bytes) -> None:
        if not hasattr(_local, "piece"):
            _local.piece = bytearray()
        self._source = source
        self._piece: bytearray | None = _local.piece

    def __call__(self, offset: int, _: tree_sitter.Point) -> bytes | bytearray:
        if self._piece is None:
            return self._source[offset : offset + _SHORT]
        self._piece[:] = self._source[offset : offset + _CHUNK]
        return self._piece

    def end(self) -> None:
        """Note that the text is parsed."""
        if self._piece is not None:
            self._piece.clear()
            self._piece = None


def _is_over(deadline: float, _offset: int, _has_error: bool) -> bool:
    return time.thread_time() > deadline


def _moved(known: Parsed, source: bytes) -> tree_sitter.Tree:
    """Return the old tree, told which bytes the new text has in place of which."""
    old = known.source
    start = common_prefix(old, source)
    limit = min(len(old), len(source)) - start
    end = common_prefix(old[len(old) - limit :][::-1], source[len(source) - limit :][::-1])
    old_end, new_end = len(old) - end, len(source) - end
    tree = known.tree.copy()
    tree.edit(
        start_byte=start,
        old_end_byte=old_end,
        new_end_byte=new_end,
        start_point=_point(old, start),
        old_end_point=_point(old, old_end),
        new_end_point=_point(source, new_end),
    )
    return tree


def _point(source: bytes, offset: int) -> tree_sitter.Point:
    row = source.count(b"\n", 0, offset)
    return tree_sitter.Point(row, offset - (source.rfind(b"\n", 0, offset) + 1))


def _bytes(text: str) -> bytes:
    return normalise_line_ends(text).encode("utf-8", "replace")
