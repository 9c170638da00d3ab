"""What the prompt shows behind the cursor stays while it is true enough."""

import pytest

from lsp_server.context.shown_suffix import ShownSuffixes, is_true_enough

LINES = [f"line_{number} = {number}" for number in range(100)]


def behind(line: int, rest: str = "") -> str:
    """Return what stands behind a cursor at the end of a line."""
    return "\n".join([rest, *LINES[line + 1 :]]) + "\n"


@pytest.mark.parametrize("line", [46, 48, 49, 50, 51, 52])
def test_near_lines_are_true_enough(line: int) -> None:
    """Up to four lines up, up to two lines down."""
    assert is_true_enough(behind(50), behind(line))


@pytest.mark.parametrize("line", [10, 45, 53, 90])
def test_far_lines_are_not(line: int) -> None:
    """Too many lines are missing, or are shown that stand before the cursor."""
    assert not is_true_enough(behind(50), behind(line))


def test_the_rest_of_the_line_must_be_the_same() -> None:
    """An infill into a line depends on what follows there."""
    assert not is_true_enough(behind(50), behind(50, " + 1"))
    assert is_true_enough(behind(50, " + 1"), behind(50, " + 1").replace("line_60", "LINE_60"))


def test_a_few_changed_lines_below_are_true_enough() -> None:
    """Two of them; three are too many."""
    two = behind(50).replace("line_60", "a").replace("line_70", "b")

    assert is_true_enough(behind(50), two)
    assert not is_true_enough(behind(50), two.replace("line_65", "c"))


def test_changes_out_of_sight_do_not_count() -> None:
    """Forty lines are looked at."""
    assert is_true_enough(behind(50), behind(50).replace("line_95", "a"))


@pytest.mark.parametrize("suffix", ["", "\n", "\n\n  \n", "\nend = 1\n"])
def test_at_the_end_of_a_file_little_is_true_enough(suffix: str) -> None:
    """One other line, or none, has nothing in common with many."""
    assert not is_true_enough(behind(50), suffix)


def test_what_was_shown_is_shown_again() -> None:
    """Also after another place of the document; another document has its own."""
    shown = ShownSuffixes()

    assert shown.show("a", behind(50)) == behind(50)
    assert shown.show("a", behind(51)) == behind(50)
    assert shown.show("b", behind(51)) == behind(51)
    assert shown.show("a", behind(10)) == behind(10)
    assert shown.show("a", behind(49)) == behind(50)


def test_a_renewed_suffix_is_shown_as_it_is() -> None:
    """From now on, near it too; and after `forget` nothing is known."""
    shown = ShownSuffixes()
    shown.show("a", behind(50))

    assert shown.renew("a", behind(51)) == behind(51)
    assert shown.show("a", behind(50)) == behind(51)
    shown.forget("a")
    assert shown.show("a", behind(50)) == behind(50)
