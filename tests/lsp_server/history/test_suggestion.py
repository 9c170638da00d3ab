"""What edits say about a suggestion: accepted, typed, turned down, or nothing."""

import pytest

from lsp_server.document import Document, Point
from lsp_server.history.change import change_between
from lsp_server.history.records import Verdict
from lsp_server.history.suggestion import OpenSuggestion


class Editor:
    """A document with the cursor at `|` and a suggestion there, shown at time 0."""

    def __init__(
        self, marked: str, text: str, *, absorbed: str = "", borrowed: int = 0, ghost: bool = True
    ) -> None:
        before, _, behind = marked.partition("|")
        self.document = Document.of_text(
            uri="file:///a", version=1, language="python", text=before + behind
        )
        at = Point(before.count("\n"), len(before.rpartition("\n")[2]))
        self.now_s = 0.0
        self.taken: list[str] = []
        self.suggestion = OpenSuggestion(
            suggestion_id=1,
            at=at,
            text=text,
            absorbed=absorbed,
            borrowed=borrowed,
            now_s=0.0,
            ghost=ghost,
        )

    def insert(self, text: str, *, after_s: float = 1.0, removing: int = 0) -> None:
        """Edit at the suggestion's place."""
        at = self.suggestion.at
        self.edit(at, Point(at.line, at.column + removing), text, after_s=after_s)

    def edit(self, start: Point, end: Point, text: str, *, after_s: float = 1.0) -> None:
        assert not self.suggestion.ended
        self.now_s += after_s
        old = self.document
        self.document, edit = old.replace(start, end, text, old.version + 1)
        change = change_between(old, self.document, edit, self.suggestion.at)
        assert change is not None
        if (taken := self.suggestion.follow(change, self.now_s)) is not None:
            self.taken.append(taken.text)

    @property
    def verdict(self) -> Verdict | None:
        return self.suggestion.verdict


def test_an_edit_that_inserts_all_of_it_is_an_accept() -> None:
    """As is one that inserts all that is left after some was typed."""
    at_once, later = Editor("x = |\n", "compute(y)"), Editor("x = |\n", "compute(y)")
    at_once.insert("compute(y)")
    later.insert("c")
    later.insert("ompute(y)")

    assert (at_once.verdict, at_once.taken) == (Verdict.WHOLE, ["compute(y)"])
    assert (later.verdict, later.taken) == (Verdict.WHOLE, ["ompute(y)"])
    assert at_once.suggestion.ended
    assert later.suggestion.taken == len("ompute(y)")


def test_several_lines_are_one_accept() -> None:
    """Line ends included."""
    editor = Editor("if x:|\n", "\n    return y\n    # so")
    editor.insert("\n    return y\n    # so")

    assert editor.verdict is Verdict.WHOLE


def test_a_line_of_several_and_a_word_of_a_line() -> None:
    """What is taken in part stands open; contradicted then, it was accepted all the same."""
    line, word = Editor("x = |\n", "first()\nsecond()"), Editor("x = |\n", "first(second)")
    line.insert("first()")
    word.insert("first")
    word.insert("?")

    assert (line.verdict, line.suggestion.ended) == (Verdict.LINE, False)
    assert (word.verdict, word.suggestion.ended) == (Verdict.WORD, True)
    assert word.suggestion.taken == len("first")


def test_word_after_word_to_the_end_is_by_words() -> None:
    """The first accept tells how."""
    editor = Editor("x = |\n", "first(second)")
    editor.insert("first")
    editor.insert("(second)")

    assert (editor.verdict, editor.suggestion.grabs) == (Verdict.WORD, 2)
    assert editor.suggestion.ended


def test_typing_is_no_accept() -> None:
    """Key by key to the end; a text typed by hand was right, not accepted."""
    editor = Editor("x = |\n", "ab")
    editor.insert("a")
    editor.insert("b")

    assert (editor.verdict, editor.taken) == (Verdict.TYPED, [])


@pytest.mark.parametrize(
    ("text", "inserted"),
    [
        ("(x)", "()"),  # the bracket that an editor closes
        ('"word"', '""'),
        ('"""Say."""', '""""""'),
        ("\n    return x", "\n    "),  # its indentation
        ("\n * more", "\n * "),  # its comment
        ("    x", "    "),  # a Tab that indents
    ],
)
def test_what_editors_insert_by_themselves_is_no_accept(text: str, inserted: str) -> None:
    """Nor a contradiction."""
    editor = Editor("f|\n", text)
    editor.insert(inserted)

    assert editor.taken == []
    assert editor.verdict is None


def test_a_bracket_closed_by_the_editor_is_typed_over() -> None:
    """What follows the opening bracket is still the suggestion's; accepted, it takes the other."""
    editor = Editor("f|\n", "(xyz)")
    editor.insert("()")
    editor.insert("xyz)", removing=1)

    assert (editor.verdict, editor.taken) == (Verdict.WHOLE, ["xyz"])


def test_absorbed_brackets_belong_to_the_accept() -> None:
    """The editor replaces `)` by `a, b):`."""
    editor = Editor("def f(|)\n", "a, b):", absorbed=")")
    editor.insert("a, b):", removing=1)

    assert (editor.verdict, editor.taken) == (Verdict.WHOLE, ["a, b):"])


def test_keys_that_an_editor_has_gathered_are_typing() -> None:
    """Up to three of them right behind another key; after a pause they are an accept."""
    gathered, paused = Editor("x = |\n", "a.b(c)"), Editor("x = |\n", "a.b(c)")
    gathered.insert("a", after_s=2.0)
    gathered.insert(".b", after_s=0.2)
    paused.insert("a", after_s=2.0)
    paused.insert(".b", after_s=0.6)

    assert gathered.taken == []
    assert paused.taken == [".b"]


def test_half_a_word_is_typing() -> None:
    """Nothing accepts up to the middle of a word."""
    editor = Editor("|\n", "import os")
    editor.insert("impo")

    assert (editor.verdict, editor.taken) == (None, [])


def test_the_lists_own_entry_is_no_accept() -> None:
    """A suggestion that continues `append` is accepted only by what goes beyond it."""
    entry, beyond = (Editor("x.app|\n", "end(y)", borrowed=3) for _ in range(2))
    entry.insert("end")
    beyond.insert("end(y)")

    assert (entry.verdict, entry.taken) == (None, [])
    assert (beyond.verdict, beyond.taken) == (Verdict.WHOLE, ["end(y)"])


@pytest.mark.parametrize(
    ("after_s", "ghost", "verdict"),
    [
        (0.3, True, Verdict.REJECTED),
        (0.2, True, Verdict.BRIEF),  # nobody has read it
        (0.3, False, Verdict.LEFT),  # an entry of a list stands aside
    ],
)
def test_something_else_turns_it_down_if_it_could_be_read(
    after_s: float, ghost: bool, verdict: Verdict
) -> None:
    """250 ms are enough to read it."""
    editor = Editor("x = |\n", "compute(y)", ghost=ghost)
    editor.insert("z", after_s=after_s)

    assert editor.verdict is verdict
    assert editor.suggestion.ended


def test_backspace_asks_again() -> None:
    """Deleting is no contradiction: the same typed again is agreement, something else is none."""
    again, other = Editor("x = co|\n", "mpute(y)"), Editor("x = co|\n", "mpute(y)")
    for editor in (again, other):
        editor.edit(Point(0, 5), Point(0, 6), "")
        assert editor.verdict is None
    again.insert("ompute(y)")
    other.insert("u")

    assert again.verdict is Verdict.WHOLE
    assert other.verdict is Verdict.REJECTED


def test_an_edit_above_moves_it() -> None:
    """An import that an editor adds by itself is none of its business."""
    editor = Editor("a\nx = |\n", "compute(y)")
    editor.edit(Point(0, 0), Point(0, 0), "import b\n")
    editor.insert("compute(y)")

    assert editor.verdict is Verdict.WHOLE


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (Point(0, 4), Point(0, 5), ""),  # the Delete key
        (Point(0, 2), Point(0, 5), "?"),  # typed over a selection
        (Point(0, 0), Point(1, 0), ""),
    ],
)
def test_other_edits_say_nothing(start: Point, end: Point, text: str) -> None:
    """The user has gone on elsewhere."""
    editor = Editor("x = |y\nz\n", "compute(", absorbed="")
    editor.edit(start, end, text)

    assert editor.verdict is Verdict.LEFT


def test_an_indentation_of_the_editors_own_is_no_contradiction() -> None:
    """The line end was foreseen."""
    editor = Editor("if x:|\n", "\n    return")
    editor.insert("\n      ")

    assert editor.verdict is Verdict.LEFT


def test_a_newer_answer_along_the_same_text_is_the_same_suggestion() -> None:
    """Also longer, and behind a bracket that the cursor has been moved over."""
    editor = Editor("f|\n", "(x) + 1")
    suggestion = editor.suggestion

    assert suggestion.continues(Point(0, 2), "(", "x) + 1 + 2", "")
    assert (suggestion.at, suggestion.rest) == ((0, 2), "x) + 1 + 2")
    assert not suggestion.continues(Point(0, 2), "", "y)", "")
    assert not suggestion.continues(Point(0, 1), None, "(x) + 1", "")
