"""Faults: what CPython and plain comparison say about a suggestion."""

import pytest

from evaluation.faults import Fault, compiles, count, find_faults, markers, table
from inference import default_model

HEAD = "def f(a):\n    b = a\n    "
TAIL = "\n    return b\n"


@pytest.mark.parametrize(
    ("before", "text", "after", "faults"),
    [
        (HEAD, "b += 1", TAIL, []),
        (HEAD, "b += (", TAIL, [Fault.NEW_ERROR]),
        (HEAD + "b = (", "a", TAIL, [Fault.STILL_BROKEN]),
        (HEAD + "b = (", "a)", TAIL, []),
        (HEAD, "b += 1\n    return b", TAIL, [Fault.REPEATS]),
        (HEAD + "ret", "urn b", TAIL, [Fault.REPEATS]),
        (HEAD, "if a:\n\tb = 1", TAIL, [Fault.NEW_ERROR, Fault.INDENTATION]),
        (HEAD, "b = '<|pad|>'", TAIL, [Fault.SPECIAL_TOKEN]),
        ("# <|pad|>\n" + HEAD, "b = '<|pad|>'", TAIL, []),
        (HEAD, "b = '\u202e'", TAIL, [Fault.HIDDEN]),
        ("if a:\n\t", "b = [\n    1]", "\n", [Fault.INDENTATION]),
        ("if a:\n\t", "b = [\n\t1]", "\n", []),
    ],
)
def test_every_fault_is_found(before: str, text: str, after: str, faults: list[Fault]) -> None:
    """And nothing else."""
    assert find_faults(before, text, after, "1)", ["<|pad|>"]) == tuple(faults)


def test_a_file_that_was_never_sound_tells_nothing() -> None:
    """What is broken with the true text too is no fault of the suggestion."""
    assert find_faults("x = = ", "1 1", "\n", "2", []) == ()


@pytest.mark.parametrize("source", ["x = (", "\0", "return 1", "(" * 5000, "a\tb"])
def test_what_cpython_refuses_does_not_compile(source: str) -> None:
    """Syntax errors, also those found behind the parser, and what is too deep for it."""
    assert not compiles(source)


def test_a_warning_is_no_error() -> None:
    """An invalid escape is a warning, and warnings are errors in these tests."""
    assert compiles('x = "\\d"\n')


def test_the_markers_of_the_shipped_model_are_known() -> None:
    """By their names in its tokenizer."""
    assert {"<|endoftext|>", "<|fim_middle|>"} <= set(markers(default_model()))


def test_shares_are_of_all_suggestions() -> None:
    """Each fault is counted on its own."""
    safety = count([(1, [Fault.NEW_ERROR]), (3, []), (1, [Fault.NEW_ERROR, Fault.REPEATS])])

    assert (safety.n, safety.lines) == (3, 5)
    assert safety.faults["new_syntax_error"].count == 2
    assert safety.faults["repeats_suffix"].rate == pytest.approx(0.3333)
    assert "| one line | 3 | new syntax error | 2 | 66.67% |" in table({"one line": safety})
