"""The typist: whatever the editor does meanwhile, in the end the file's own text stands there."""

import random
from pathlib import Path

import pytest

from evaluation.keystrokes.typist import Key, Passage, Rhythm, Typist

SOURCES = sorted(Path(__file__).parents[3].joinpath("evaluation").glob("*.py"))


def passage(body: str, *, head: str = "", tail: str = "") -> Passage:
    return Passage(repository="r", path="a.py", head=head, body=body, tail=tail, length=len(body))


def typed(typist: Typist) -> list[Key]:
    keys = []
    while not typist.finished:
        keys.append(typist.press())
    return keys


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_file_comes_out_as_it_was(source: Path) -> None:
    """Indentation, closed brackets, typing errors: nothing of them stays."""
    text = source.read_text(encoding="utf-8").rstrip()
    typist = Typist(passage(text, head="# head\n", tail="\n# tail\n"), random.Random(3))  # noqa: S311 - repeatable
    typed(typist)

    assert typist.before == "# head\n" + text
    assert typist.behind == "\n# tail\n"


def test_the_editor_indents_and_dedents() -> None:
    """Behind a colon one level more, behind `return` one less, and a blank line is cleared."""
    typist = Typist(passage("def f():\n    return 1\n\nx = 2"))
    inserted = [key.insert for key in typed(typist) if "\n" in key.insert]

    assert inserted == ["\n    ", "\n", "\n"]


def test_a_closed_bracket_is_typed_over() -> None:
    """The closer stands behind the cursor at once, and its own key only moves the cursor."""
    typist = Typist(passage("f(a)"))
    keys = typed(typist)

    assert keys[1] == Key(insert="(", close=")")
    assert keys[-1] == Key(overtype=1)
    assert typist.before == "f(a)"


def test_a_suggestion_has_to_account_for_the_closers() -> None:
    """With a closer behind the cursor, text that brings its own must replace it."""
    typist = Typist(passage("f(a, b)\ng()"))
    typist.press()
    typist.press()

    assert typist.agrees("a, b)", 1)
    assert not typist.agrees("a, b)", 0)
    assert typist.agrees("a, b", 0)
    assert not typist.agrees("a, c", 0)
    assert typist.agreeing("a, c)") == 3
    typist.accept("a, b)", 1)
    assert (typist.before, typist.behind) == ("f(a, b)", "")
    typed(typist)
    assert typist.before == "f(a, b)\ng()"


def test_keys_are_counted_as_they_would_be_pressed() -> None:
    """Indentation comes with the line end; counting changes nothing."""
    typist = Typist(passage("if x:\n    y = 1"))

    assert typist.keys_for(len("if x:\n    y")) == len("if x:") + 2
    assert typist.done == 0


def test_typing_has_a_rhythm() -> None:
    """Keys follow each other within human limits, a line end takes longer than a letter."""
    rhythm = Rhythm(random.Random(1))  # noqa: S311 - repeatable
    letters = [rhythm.seconds_after(Key(insert="a")) for _ in range(500)]
    ends = [rhythm.seconds_after(Key(insert="\n    ")) for _ in range(500)]

    assert min(letters) >= 0.04
    assert max(letters) <= 1.5
    assert sum(ends) > 2 * sum(letters)
