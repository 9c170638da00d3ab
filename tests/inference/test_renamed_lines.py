"""Lines that go on like the cursor's under other names."""

import pytest

from inference.renamed_lines import RenamedLine, RenamedLines


def renamed(before: str, behind: str = "\n") -> list[RenamedLine]:
    """Return what is found at a cursor."""
    *lines, line = before.split("\n")
    above = next((text.strip() for text in reversed(lines) if text.strip()), "")
    return RenamedLines(before, behind).places(line.lstrip(), above)


def first_rests(found: list[RenamedLine]) -> list[str]:
    """Return the rest of the line that each says."""
    return [line.rest.partition("\n")[0] for line in found]


@pytest.mark.parametrize(
    ("before", "rest"),
    [
        ("self.width = width\nself.height = ", "height"),
        ("self.width = width\nself.height", " = height"),
        ('x = f("a", a)\nx = f("b", ', "b)"),
        ("if width:\n    go(width)\nif height:\n    ", "go(height)"),
        ("class Width:\n    name = width\nclass Height:\n    ", "name = height"),
    ],
)
def test_names_are_put_in_place_of_names(before: str, rest: str) -> None:
    """Wherever they stand: in the line or in the one above, as a type and as its variable."""
    assert rest in first_rests(renamed(before))


@pytest.mark.parametrize(
    "before",
    [
        "self.width = width\nself.width = ",  # nothing differs
        "a = b + c\nb = 1 + ",  # a number is no name
        "return width\nraise ",  # a keyword neither
        "a.x(a)\nb.x(b)\nc = ",  # other signs
        "f(a, a)\nf(b, c",  # one name would stand for two
    ],
)
def test_nothing_but_names_may_differ(before: str) -> None:
    """A name stands for one other name, throughout."""
    assert not renamed(before)


def test_what_stands_behind_the_cursor_is_found_too() -> None:
    """With the text that follows it, and where it is."""
    behind = "\nself.width = width\nself.show(width)\n"

    (found,) = renamed("self.height = ", behind)

    assert found.rest == "height\nself.show(height)\n"
    assert (found.text, found.names) == (1, 1)
    assert behind[found.at :].startswith("width\n")
    assert behind[: found.end].endswith("= width")


def test_those_come_first_that_have_most_in_common() -> None:
    """The line above counts as the line itself."""
    found = renamed("a.x = 1\nb = a.y\nz = 0\nc = d.z\nk.x = 1\nm = k.")

    assert first_rests(found)[0] == "y"
    assert found[0].above > 0


def test_long_documents_are_read_near_the_cursor() -> None:
    """A few hundred lines to each side, and no line without end."""
    row = "self.width = width\n"
    far = row + "x = 1\n" * 1000

    assert not renamed(far + "self.height = ")
    assert not renamed("self.width = width" + "+ 1" * 1000 + "\nself.height = ")
    assert len(renamed(row * 500 + "self.height = ")) < 20
