"""Places like the cursor's, and what they have in common with it."""

import numpy as np

from inference.workspace_match import Column, Cursor, Document, Places
from inference.workspace_places import Search


def places(before: str, *texts: str, suffix: str = "\n", around: bool = True) -> Places:
    """Find places in the document itself and in other texts."""
    search = Search(Document(before, suffix), [before, suffix, *texts], None)
    return search.places(Cursor.at(before, suffix), around=around)


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


def test_places_that_are_right_are_told_so() -> None:
    """Token by token, with how unlikely each was; the others and the places before stay as are."""
    found = places("x\nvalues.", "values.append(1)\nvalues.pop()\n")
    right = np.asarray([text.startswith("app") for text in found.continuations])
    told = found.told(right, 250).told(right, 30)

    assert told.table[right][:, Column.FORETOLD].tolist() == [2]
    assert told.table[right][:, Column.EXPLAINED].tolist() == [280]
    assert not told.table[~right][:, Column.FORETOLD].any()
    assert not found.table[:, Column.FORETOLD].any()


def test_no_place_is_an_empty_table() -> None:
    """It can be followed and joined like any other."""
    none = places("unheard_of(")

    assert none.table.shape == (0, len(Column))
    assert none.following("x").joined(none).table.dtype == np.int32
