"""What is looked for, in texts and in the index of a workspace."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from inference.workspace_index import WorkspaceIndex
from inference.workspace_match import LONGEST, Column, Cursor, Document, Places
from inference.workspace_places import _INDEXED_END, Search, shortest_end

Find = Callable[..., Places]


def in_texts(before: str, *texts: str, suffix: str = "\n", around: bool = True) -> Places:
    """Find places in the document itself and in other texts."""
    search = Search(Document(before, suffix), [before, suffix, *texts], None)
    return search.places(Cursor.at(before, suffix), around=around)


def in_index(before: str, *texts: str, suffix: str = "\n", around: bool = True) -> Places:
    """Find places in an index of other texts alone."""
    index = WorkspaceIndex()
    index.update({str(number): text for number, text in enumerate(texts)})
    search = Search(Document(before, suffix), ["", ""], index.view())
    return search.places(Cursor.at(before, suffix), around=around)


either = pytest.mark.parametrize("places", [in_texts, in_index])


def column(found: Places, which: Column) -> dict[str, int]:
    """Return a column by the line that each place goes on with."""
    lines = [text.partition("\n")[0] for text in found.continuations]
    return dict(zip(lines, found.table[:, which].tolist(), strict=True))


@either
def test_blanks_of_another_indentation_do_not_part(places: Find) -> None:
    """The line above is the same, however the line below it is indented."""
    found = places("if finished:\n        ", "if finished:\n    return total\n", suffix="\nx = 1\n")

    assert column(found, Column.SOURCE) == {"return total": 1}
    assert column(found, Column.VISIBLE) == {"return total": len("iffinished:")}
    assert column(found, Column.SAME_INDENT) == {"return total": 0}


@either
def test_the_line_below_finds_its_place(places: Find) -> None:
    """What precedes the same line elsewhere; and what follows is counted."""
    found = places(
        "a = 1\n    ", "@cached\n    def total(self):\n", suffix="\n    def total(self):\n"
    )

    assert column(found, Column.SOURCE) == {"@cached": 2}
    assert column(found, Column.FOLLOWING) == {"@cached": len("deftotal(self):")}


@either
def test_missing_indentation_is_part_of_how_it_goes_on(places: Find) -> None:
    """As much deeper than the line above as there; below a line that is the same, as there."""
    text = "    if finished:\n        return total\n    x = compute(1)\n"
    above = places("if finished:\n", text, suffix="\ny = 2\n")
    begun = places("if finished:\n  ", text, suffix="\ny = 2\n")
    below = places("y = 2\n", text, suffix="\n    x = compute(1)\n")

    assert column(above, Column.SOURCE)["    return total"] == 1
    assert column(begun, Column.SOURCE)["  return total"] == 1
    assert column(below, Column.SOURCE)["        return total"] == 2


@either
def test_what_was_written_on_the_line_must_agree(places: Find) -> None:
    """Neither the line above nor the one below makes a place of another beginning."""
    text = "if finished:\n    return total\n    x = 1\n"

    assert not places("if finished:\n    rai", text, suffix="\n    x = 1\n").continuations
    assert places("if finished:\n    ret", text, suffix="\n    x = 1\n").continuations


def test_the_document_itself_is_read_from_the_cursor() -> None:
    """Of equal places the last one before the cursor comes first; its own place is none."""
    found = in_texts("result = 1\nresult = 2\nresult = ")

    assert [text.partition("\n")[0] for text in found.continuations] == ["2", "1"]
    assert found.table[:, Column.KIND].tolist() == [0, 0]


def test_hostile_repetition_stays_bounded() -> None:
    """A megabyte of one character, matching everywhere, ends after a bounded number of places."""
    text = "a" * 1_000_000
    started = time.thread_time()
    found = in_texts("a" * 1000, text, text)

    assert found.table[:, Column.MATCHED].max() == LONGEST
    assert len(found.continuations) < 500
    assert time.thread_time() - started < 5  # quadratic work would take minutes


@either
@pytest.mark.parametrize("before", ["", "x = ", "    \n\n  \n", "a b"])
def test_short_matches_do_not_count(before: str, places: Find) -> None:
    """Fewer than four visible characters foretell nothing."""
    assert not places("", f"{before}1\n" * 3).continuations
    assert shortest_end(before, 4) == ""


def test_index_and_texts_find_the_same(project_sources: dict[str, str]) -> None:
    """The same places with the same columns, but for their kind and their order.

    Of more than are looked for each finds the first by an order of its own.
    """
    compared = 0
    for text in sorted(project_sources.values(), key=len)[-20:]:
        at = len(text) // 2
        asked = text[at - 30 : at + 2], text[at - 1000 : at + 1000]
        one, other = in_texts(*asked), in_index(*asked)
        apart = [Column.KIND, Column.RANK]
        if len(other.continuations) >= _INDEXED_END[1]:
            continue
        compared += 1

        def rows(found: Places, drop: list[Column] = apart) -> list[tuple[object, ...]]:
            table = found.table.copy()
            table[:, drop] = 0
            return sorted(
                (text[:200], *row)
                for text, row in zip(found.continuations, table.tolist(), strict=True)
            )

        assert rows(one)
        assert set(rows(other)) <= set(rows(one)) | set(rows(in_texts(*asked)))
    assert compared > 5


def test_places_that_are_known_are_left_out() -> None:
    """In texts and in the index."""
    index = WorkspaceIndex()
    index.update({"a": "value = compute(1)\n"})
    search = Search(Document("", ""), ["", "", "value = collect(2)\n"], index.view())
    cursor = Cursor.at("value = ", "")
    first = search.places(cursor, around=False)

    assert len(first.keys) == 2
    assert not search.places(cursor, around=False, known=first.keys).keys
    assert search.places(cursor, around=False, known=first.keys[:1]).keys == first.keys[1:]


def test_beyond_ascii_places_are_followed_by_bytes() -> None:
    """A place that was followed is the one that is found anew."""
    index = WorkspaceIndex()
    index.update({"a": "größe = 'süß' + wert_é😋(1)\n"})
    search = Search(Document("", ""), ["", ""], index.view())
    found = search.places(Cursor.at("größe = ", ""), around=False)
    on = found.following("'süß' + ")
    again = search.places(Cursor.at("größe = 'süß' + ", ""), around=False)

    assert on.continuations == again.continuations == ["wert_é😋(1)\n"]
    assert on.keys == again.keys


def test_lines_under_other_names_are_places() -> None:
    """With what they have in common; the indentation that is missing comes first."""
    before = "if width:\n    go(width)\nif height:\n"

    found = in_texts(before)

    (at,) = np.flatnonzero(found.table[:, Column.NAMES])
    assert found.continuations[at] == "    go(height)\nif height:\n"
    assert found.table[at, Column.ALIKE_ABOVE] == 2
    assert found.table[at, Column.UNKNOWN_WORD] == 0
    assert found.table[at, Column.KNOWN_LINE] == 0


def test_what_is_followed_under_other_names_is_not_found_again() -> None:
    """Behind some of its text it is the same place, however long the other names are."""
    before, suffix = "self.width = f(width)\nself.height = ", "\n"
    search = Search(Document(before, suffix), [before, suffix], None)
    followed = search.places(Cursor.at(before, suffix), around=True).following("f(")

    again = search.places(Cursor.at(before + "f(", suffix), around=False, known=followed.keys)

    assert followed.continuations == ["height)\nself.height = "]
    assert not again.continuations
