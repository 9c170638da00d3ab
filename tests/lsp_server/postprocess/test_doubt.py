"""Doubt: repeated lines, unknown names, text that is no code."""

from dataclasses import dataclass

import pytest

from lsp_server.postprocess.doubt import Doubt, no_doubt

BEFORE = "one = 1\ntwo = 2\n\nthree = 3\nfour = 4\n"
AFTER = "\nfive = 5\n\nsix = 6\nseven = 7\n"


@dataclass(frozen=True, slots=True)
class Syntax:
    """What the syntax would say."""

    in_text: bool = False
    unknown: str = "?"

    def is_undefined(self, text: str) -> bool:
        return self.unknown in text


def doubt(text: str, line: str = "", syntax: Syntax = Syntax()) -> float:
    return Doubt(BEFORE + line, AFTER, syntax)(text)


@pytest.mark.parametrize("text", ["eight = 8", "one = 1", "seven = 7", ")", "", "fou", "four = 44"])
def test_most_suggestions_are_beyond_doubt(text: str) -> None:
    """New lines, and lines like one further away."""
    assert doubt(text) == 0.0 == no_doubt(text)


def test_the_line_above_is_repeated_least_often() -> None:
    """Then those near it, above and below."""
    assert doubt("four = 4") < doubt("three = 3") == doubt("two = 2") < 0.0
    assert doubt("six = 6") == doubt("five = 5") < 0.0


def test_the_whole_line_counts_with_what_is_typed_of_it() -> None:
    """Blanks around it aside; and of several lines the first and the last."""
    assert doubt("= 4", "    four ") == doubt("four = 4")
    assert doubt("four = 4\neight = 8") == doubt("four = 4")
    assert doubt("eight = 8\nfive = 5") == doubt("five = 5")
    assert doubt("eight = 8\nfour = 4") == 0.0


def test_an_unknown_name_is_doubtful_in_code_alone() -> None:
    """In comments and strings a little is taken off whatever they say."""
    assert doubt("x = ?") < -3.0
    assert doubt("x = ?", syntax=Syntax(in_text=True)) == doubt("x", syntax=Syntax(in_text=True))
    assert -0.5 < doubt("x", syntax=Syntax(in_text=True)) < 0.0
