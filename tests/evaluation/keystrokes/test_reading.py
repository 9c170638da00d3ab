"""What is accepted of a suggestion: what is right and worth the keys, and no more."""

from evaluation.keystrokes.assistant import Suggestion
from evaluation.keystrokes.reading import Acceptance, acceptance
from evaluation.keystrokes.typist import Passage, Typist


def typist(body: str, pressed: int = 0) -> Typist:
    person = Typist(
        Passage(repository="r", path="a.py", head="", body=body, tail="", length=len(body))
    )
    for _ in range(pressed):
        person.press()
    return person


def suggestion(text: str, absorbed: int = 0) -> Suggestion:
    return Suggestion(text=text, absorbed=absorbed)


def test_what_is_right_is_accepted_with_one_key() -> None:
    """Thirteen keys less one; the closing quote and bracket would have been two of them."""
    taken = acceptance(typist("print('hello')\n"), suggestion("print('hello')"))

    assert taken == Acceptance(text="print('hello')", absorbed=0, keys=1, saved=13, whole=True)


def test_one_character_is_typed() -> None:
    """A key for a key saves nothing."""
    assert acceptance(typist("x\n"), suggestion("x")) is None


def test_the_first_words_are_accepted_one_by_one() -> None:
    """`response`, ` =`, ` requests`: three keys for 19 characters; the wrong rest is left."""
    taken = acceptance(
        typist("response = requests.get(url)\n"), suggestion("response = requests_mock.post()")
    )
    assert taken == Acceptance(text="response =", absorbed=0, keys=2, saved=8, whole=False)
    taken = acceptance(
        typist("response = requests.get(url)\n"), suggestion("response = requests(1")
    )

    assert taken is not None
    assert (taken.text, taken.keys, taken.saved) == ("response = requests", 3, 16)


def test_words_that_save_too_little_are_typed() -> None:
    """`if` and a blank word: nobody counts words for two keys."""
    assert acceptance(typist("if a:\n"), suggestion("if b:")) is None


def test_words_do_not_pass_what_the_editor_has_closed() -> None:
    """Behind `print(` stands its `)`: accepted as a word, there would be two."""
    person = typist("call(first_argument) + second\n", len("call("))
    assert person.behind == ")"

    taken = acceptance(person, suggestion("first_argument) - 1", absorbed=1))

    assert taken is not None
    assert taken.text == "first_argument"


def test_an_error_is_corrected_first() -> None:
    """While a wrong character stands before the cursor nothing fits."""
    person = typist("value = 1\n")
    person._typo = 1

    assert acceptance(person, suggestion("value = 1")) is None


def test_whole_lines_are_accepted_before_words() -> None:
    """A right line of several costs one key, whatever its words; the wrong last one is left."""
    taken = acceptance(
        typist("first = open_file(path)\nsecond = third\n"),
        suggestion("first = open_file(path)\nsecond = other"),
    )

    assert taken is not None
    assert (taken.text, taken.keys) == ("first = open_file(path)\nsecond =", 3)
