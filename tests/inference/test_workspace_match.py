"""Places like the cursor's, and what they have in common with it."""

import time

import numpy as np
import pytest

from inference.workspace_match import (
    LONGEST,
    Column,
    Cursor,
    Document,
    Places,
    find_places,
    shortest_end,
)


def places(before: str, *texts: str, suffix: str = "\n", around: bool = True) -> Places:
    """Find places in the document itself and in other texts, all of them near."""
    return find_places(
        Cursor.at(before, suffix),
        Document(before, suffix),
        [before, suffix, *texts],
        near=2 + len(texts),
        around=around,
    )


def column(found: Places, which: Column) -> dict[str, int]:
    """Return a column by the line that each place goes on with."""
    lines = [text.partition("\n")[0] for text in found.continuations]
    return dict(zip(lines, found.table[:, which].tolist(), strict=True))


def test_matches_count_characters_before_the_cursor() -> None:
    """With blanks and without."""
    found = places("y\n    self.total = ", "x.total = 1\n", "z\n    self.total = 2\n")

    assert column(found, Column.MATCHED) == {"1": len(".total = "), "2": len("\n    self.total = ")}
    assert column(found, Column.VISIBLE) == {"1": len(".total="), "2": len("self.total=")}


def test_a_document_that_has_only_begun_counts_double() -> None:
    """What would stand before it is not known to differ."""
    found = places("self.total = ", "x = self.total = 1\n")

    assert column(found, Column.MATCHED) == {"1": 2 * len("self.total = ")}


def test_a_match_may_begin_inside_a_word() -> None:
    """Characters are compared: `val` goes on with `ue`."""
    found = places("        return val", "        return value\n")

    assert [text.partition("\n")[0] for text in found.continuations] == ["ue"]


def test_blanks_of_another_indentation_do_not_part() -> None:
    """The line above is the same, however the line below it is indented."""
    found = places("if finished:\n        ", "if finished:\n    return total\n", suffix="\nx = 1\n")

    assert column(found, Column.SOURCE) == {"return total": 1}
    assert column(found, Column.VISIBLE) == {"return total": len("iffinished:")}
    assert column(found, Column.SAME_INDENT) == {"return total": 0}


def test_the_line_below_finds_its_place() -> None:
    """What precedes the same line elsewhere; and what follows is counted."""
    found = places(
        "a = 1\n    ", "@cached\n    def total(self):\n", suffix="\n    def total(self):\n"
    )

    assert column(found, Column.SOURCE) == {"@cached": 2}
    assert column(found, Column.FOLLOWING) == {"@cached": len("deftotal(self):")}


def test_what_was_written_on_the_line_must_agree() -> None:
    """Neither the line above nor the one below makes a place of another beginning."""
    text = "if finished:\n    return total\n    x = 1\n"

    assert not places("if finished:\n    rai", text, suffix="\n    x = 1\n").continuations
    assert places("if finished:\n    ret", text, suffix="\n    x = 1\n").continuations


def test_columns_of_line_and_document() -> None:
    """The next line again, a line that is there already, a name that is not, the indentation."""
    found = places(
        "known = 1\nx = call(",
        "x = call(known)\n    y = 1\nx = call(strange)\nz = 2\nx = call(2)\n",
        suffix="\nx = call(2)\nx = call(known)\n",
    )

    assert column(found, Column.REPEATS) == {"known)": 0, "strange)": 0, "2)": 1}
    assert column(found, Column.UNKNOWN_WORD) == {"known)": 0, "strange)": 1, "2)": 0}
    assert column(found, Column.KNOWN_LINE) == {"known)": 1, "strange)": 0, "2)": 1}
    assert column(found, Column.SAME_STEP)["strange)"] == 1


def test_a_word_that_the_cursor_is_in_is_shared() -> None:
    """From its beginning on or not at all; what is written counts as well."""
    found = places("total = compute_al", "x = compute_all()\ny = precompute_alone()\n")
    on = found.following("l")

    assert column(found, Column.WORD) == {"l()": len("compute_al"), "one()": 0}
    assert column(found, Column.UNKNOWN_WORD) == {"l()": 0, "one()": 0}
    assert column(on, Column.WORD) == {"()": len("compute_all")}
    assert column(on.following("()"), Column.WORD) == {"": 0}


def test_the_document_itself_is_read_from_the_cursor() -> None:
    """Of equal places the last one before the cursor comes first; its own place is none."""
    found = places("result = 1\nresult = 2\nresult = ")

    assert [text.partition("\n")[0] for text in found.continuations] == ["2", "1"]
    assert found.table[:, Column.KIND].tolist() == [0, 0]


def test_far_texts_are_for_the_beginning() -> None:
    """Inside a line only the first texts are searched."""
    texts = ["", "", "value = compute(1)\n", "value = compute(2)\n"]
    cursor, document = Cursor.at("value = compute(", ""), Document("", "")
    near = find_places(cursor, document, texts, near=3, around=False)
    far = find_places(cursor, document, texts, near=3, around=True)

    assert len(near.continuations) == 1
    assert sorted(far.table[:, Column.KIND].tolist()) == [2, 3]


@pytest.mark.parametrize("before", ["", "x = ", "    \n\n  \n", "a b"])
def test_short_matches_do_not_count(before: str) -> None:
    """Fewer than four visible characters foretell nothing."""
    assert not places("", f"{before}1\n" * 3).continuations
    assert shortest_end(before, 4) == ""


def test_places_are_followed_and_joined_once() -> None:
    """What goes on otherwise drops out; lengths grow; the same place found again is no second."""
    text = "values.append(1)\nvalues.pop()\n"
    found = places("x\nvalues.", text)
    on = found.following("app")
    again = places("x\nvalues.app", text)
    both = on.joined(again)

    assert on.continuations == ["end(1)\nvalues.pop()\n"]
    assert column(on, Column.MATCHED) == column(again, Column.MATCHED)
    assert column(on, Column.VISIBLE) == column(again, Column.VISIBLE)
    assert both.keys == on.keys == again.keys
    assert not found.following("append(1)\nvalues.pop()\n").continuations


def test_hostile_repetition_stays_bounded() -> None:
    """A megabyte of one character, matching everywhere, ends after a bounded number of places."""
    text = "a" * 1_000_000
    started = time.thread_time()
    found = places("a" * 1000, text, text)

    assert found.table[:, Column.MATCHED].max() == LONGEST
    assert len(found.continuations) < 500
    assert time.thread_time() - started < 5  # quadratic work would take minutes


def test_no_place_is_an_empty_table() -> None:
    """It can be followed and joined like any other."""
    none = places("unheard_of(")

    assert none.table.shape == (0, len(Column))
    assert none.following("x").joined(none).table.dtype == np.int32
