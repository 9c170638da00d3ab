"""Searches places like the cursor's: in the document itself, in other open texts, in the workspace.

They are found by exact ends of the text before the cursor, by the end of the line above, however
the line below it is indented, and by the lines that follow the cursor's line. The document and
texts without an index are searched as strings, nearest first; the workspace by its index, which
gives those first that share most with what is looked for.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from inference.renamed_lines import RenamedLine, RenamedLines
from inference.workspace_index import WorkspaceView
from inference.workspace_match import (
    MIN_VISIBLE,
    REACH,
    Column,
    Cursor,
    Document,
    Key,
    Places,
    compare,
    last_indent,
    last_line,
)

# Ends of the text before the cursor: visible characters, most places taken. The longer ends are
# looked for only where there are more places with a shorter one than were taken.
_ENDS: Final = ((6, 20), (12, 20), (24, 15))
_SHORT_END: Final = (MIN_VISIBLE, 12)
_INDEXED_END: Final = (MIN_VISIBLE, 12)
_ABOVE: Final = (8, 20)  # visible characters of the line above, most places
_MOST_BELOW: Final = 20
_KIND_NEAR, _KIND_FAR = 2, 3  # of the column KIND, and of the column SOURCE:
_SOURCE_BEFORE, _SOURCE_ABOVE, _SOURCE_BELOW, _SOURCE_RENAMED = range(4)
_RENAMED: Final = 1_000_000  # added to a text's number: the place goes on under other names


class _Found(NamedTuple):
    """A place that was found, not compared yet."""

    text: str  # around it
    at: int  # where in the text it is
    kind: int
    source: int


class _Probe(NamedTuple):
    """One thing to look for."""

    end: str  # must precede a place
    most: int  # places
    source: int
    whole: str = ""  # ends in `end`; the index gives those first that share most with it
    # From where the end ends in a text to where the text goes on like the cursor's, None if it
    # does not.
    moved: Callable[[str, int], int | None] = lambda _, at: at


class Search:
    """Where one generation looks for places."""

    def __init__(
        self, document: Document, texts: Sequence[str], workspace: WorkspaceView | None
    ) -> None:
        """Look in these.

        Args:
            document: of the cursor.
            texts: before the cursor, behind it, and others, nearest first.
            workspace: other files, None for none.
        """
        self._document = document
        self._texts = texts
        self._workspace = workspace
        before, behind, *_ = *texts, "", ""
        self._renamed = RenamedLines(before, behind)

    def places(self, cursor: Cursor, *, around: bool, known: Sequence[Key] = ()) -> Places:
        """Find places.

        Args:
            cursor: what is looked for.
            around: look for the lines above and below the cursor, too.
            known: these are left out.
        """
        left_out = set(known)
        found: dict[Key, _Found] = {}
        for key, place in self._found(cursor, around=around):
            if key not in left_out:
                found.setdefault(key, place)
        rows, continuations = [], []
        for rank, (text, at, kind, source) in enumerate(found.values()):
            row, continuation = compare(cursor, self._document, text, at, (kind, rank, source))
            rows.append(row)
            continuations.append(continuation)
        keys = list(found)
        for rank, line in enumerate(self._renamed.places(cursor.line, last_line(cursor.above))):
            key, row, continuation = self._under_other_names(cursor, line, rank)
            if key not in left_out:
                keys.append(key)
                rows.append(row)
                continuations.append(continuation)
        table = np.asarray(rows, dtype=np.int32).reshape(len(rows), len(Column))
        return Places(keys=keys, continuations=continuations, table=table)

    def _under_other_names(
        self, cursor: Cursor, line: RenamedLine, rank: int
    ) -> tuple[Key, tuple[int, ...], str]:
        """Return the key of a line, its columns, and how it goes on."""
        rest = line.rest
        if not cursor.line:
            indent = last_indent(cursor.above) + line.indent
            rest = " " * max(0, indent - cursor.indent) + rest
        kind = line.text, rank, _SOURCE_RENAMED
        columns, _ = compare(cursor, self._document, self._texts[line.text], line.at, kind)
        row = list(columns)
        row[Column.KNOWN_LINE] = line.line in self._document.lines
        row[Column.UNKNOWN_WORD] = self._document.is_new_word(rest, inside=bool(cursor.word))
        row[Column.REPEATS] = cursor.below.strip() == line.line
        row[Column.NAMES], row[Column.ALIKE] = line.names, line.alike
        row[Column.ALIKE_ABOVE] = line.above
        # How much of the line is left, so that what is followed and what is found again agree.
        at = line.end - len(rest.partition("\n")[0])
        return (_RENAMED + line.text, at), tuple(map(int, row)), rest

    def _found(self, cursor: Cursor, *, around: bool) -> Iterator[tuple[Key, _Found]]:
        few = True
        for visible, most in _ENDS:
            probe = _Probe(shortest_end(cursor.tail, visible), most, _SOURCE_BEFORE)
            if (yield from self._in_texts(probe)) < most:
                break
            few = False
        if few:
            visible, most = _SHORT_END
            yield from self._in_texts(
                _Probe(shortest_end(cursor.tail, visible), most, _SOURCE_BEFORE)
            )
        visible, most = _INDEXED_END
        end = shortest_end(cursor.tail, visible)
        yield from self._indexed(_Probe(end, most, _SOURCE_BEFORE, cursor.tail))
        for probe in _around(cursor) if around else ():
            yield from self._in_texts(probe)
            yield from self._indexed(probe)

    def _in_texts(self, probe: _Probe) -> Generator[tuple[Key, _Found], None, int]:
        """Yield places in the texts; return how many there were before they were moved."""
        count = 0
        for index, at in _occurrences(probe.end, self._texts, probe.most):
            count += 1
            text = self._texts[index]
            moved = probe.moved(text, at)
            if moved is not None and moved < len(text):  # else it is the cursor itself
                kind = min(index, _KIND_NEAR)
                yield (index, moved), _Found(text, moved, kind, probe.source)
        return count

    def _indexed(self, probe: _Probe) -> Iterator[tuple[Key, _Found]]:
        """Yield places in the workspace, those first that share most."""
        if self._workspace is None or not probe.end:
            return
        hits = self._workspace.longest(probe.whole or probe.end, probe.end, probe.most)
        for number, hit_place, is_near in hits:
            segment = self._workspace.segments[number]
            place = hit_place
            before, behind = segment.around(place)
            text, at = before + behind, len(before)
            moved = probe.moved(text, at)
            if moved is None:
                continue
            if moved != at:
                place += len(text[moved:at].encode()) - len(text[at:moved].encode())
                before, behind = segment.around(place)
            kind = _KIND_NEAR if is_near else _KIND_FAR
            key = (-1 - number, len(segment.text) - place)
            yield key, _Found(before + behind, len(before), kind, probe.source)


def _around(cursor: Cursor) -> Iterator[_Probe]:
    """Yield what to look for around the cursor's line."""
    visible, most = _ABOVE
    yield _Probe(
        shortest_end(cursor.above, visible),
        most,
        _SOURCE_ABOVE,
        cursor.above,
        partial(_below_same_line, cursor),
    )
    for lines in (cursor.below_two, cursor.below):
        if len(lines.strip()) >= MIN_VISIBLE:
            end = "\n" + lines
            moved = partial(_above_same_line, cursor, len(end))
            yield _Probe(end, _MOST_BELOW, _SOURCE_BELOW, end, moved)


def shortest_end(tail: str, visible: int) -> str:
    """Return the shortest end of a text with so many non-blank characters, "" if there is none."""
    for start in range(len(tail) - 1, -1, -1):
        visible -= not tail[start].isspace()
        if not visible:
            return tail[start:]
    return ""


def _occurrences(needle: str, texts: Sequence[str], most: int) -> Iterator[tuple[int, int]]:
    """Yield where the needle occurs: the text's index, and the end of the occurrence inside it.

    The first text is read from its end, where the cursor is.
    """
    if not needle:
        return
    for index, text in enumerate(texts):
        last = len(text) - 1  # an occurrence at the very end has nothing to foretell
        at = text.rfind(needle, 0, last) if index == 0 else text.find(needle, 0, last)
        while at >= 0:
            yield index, at + len(needle)
            most -= 1
            if not most:
                return
            if index == 0:
                at = text.rfind(needle, 0, at + len(needle) - 1)
            else:
                at = text.find(needle, at + 1, last)


def _below_same_line(cursor: Cursor, text: str, at: int) -> int | None:
    """Return where the line goes on whose line above ends at `at`, whatever the blanks between."""
    behind = text[at : at + REACH]
    blank = behind[: len(behind) - len(behind.lstrip())]
    visible_at = at + len(blank)
    if "\n" not in blank or not text.startswith(cursor.line, visible_at):
        return None
    indent = len(blank) - blank.rfind("\n") - 1
    # As much deeper than the line above as there.
    indent += last_indent(cursor.above) - last_indent(text[max(0, at - REACH) : at])
    return visible_at + _shift(cursor, indent)


def _above_same_line(cursor: Cursor, length: int, text: str, at: int) -> int | None:
    """Return where the line goes on that stands above whole lines.

    Args:
        cursor: its line begins in the same way.
        length: of these lines and the line break before them.
        text: around the place.
        at: where in the text they end.
    """
    if text[at : at + 1] not in ("", "\n"):
        return None
    line_end = at - length
    above = text[max(0, line_end - REACH) : line_end]
    blank = len(above) - len(above.rstrip())
    line = above.rstrip().rpartition("\n")[2]
    visible = line.lstrip()
    if not visible or not visible.startswith(cursor.line):
        return None
    return line_end - blank - len(visible) + _shift(cursor, len(line) - len(visible))


def _shift(cursor: Cursor, indent: int) -> int:
    """Return how far behind a line's indentation it goes on like the cursor's line.

    Args:
        cursor: in its line.
        indent: that the cursor's line would have; what is missing of it is still to be written.
    """
    return len(cursor.line) or -max(0, indent - cursor.indent)
