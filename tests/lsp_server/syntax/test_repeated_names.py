"""Lists of names: in which one stands twice."""

import pytest

from lsp_server.syntax.parsing import parse
from lsp_server.syntax.repeated_names import repeated_names

pytestmark = pytest.mark.usefixtures("patient_parser")


@pytest.mark.parametrize(
    ("grammar", "text", "count"),
    [
        ("python", "def f(a, b=1, *args, c: int, d: int = 2, **kw: str): ...", 0),
        ("python", "def f(a, a=1, *a, b, b: int, **b): ...", 4),
        ("python", "def f(a, *, g=lambda a: a): ...", 0),  # another list
        ("python", "f(a, a=1, b=g(a=1), *a, **a)", 0),
        ("python", "class A(B, c=1, c=2): ...", 1),
        ("python", "f(\n    a=1,  # a\n    a=2,\n)\nf(a=1, a=2)", 2),
        ("javascript", "function f(a, a) {}", 0),  # which sloppy mode takes
    ],
)
def test_names_too_many_are_counted(grammar: str, text: str, count: int) -> None:
    """Of each list those behind the first of their name; annotations and values are none."""
    parsed = parse(grammar, text.encode())
    assert parsed is not None

    assert repeated_names(parsed, 0, len(text)) == count


def test_only_lists_around_and_in_the_text_count() -> None:
    """A list elsewhere in the file says nothing about a suggestion."""
    text = b"f(a=1, a=2)\ng(b=1, b=2, c=h(d))\n"
    parsed = parse("python", text)
    assert parsed is not None
    at = text.index(b"d")

    assert repeated_names(parsed, at, at) == 1
    assert repeated_names(parsed, len(text), len(text)) == 0


def test_a_long_module_hides_nothing() -> None:
    """Two statements in the middle of thousands, whose own lists are few."""
    lines = [b"x = f(a=1)\n"] * 4000
    before, added = b"".join(lines[:500]), b"f(a=1, a=2)\ng(b=1)\n"
    parsed = parse("python", before + added + b"".join(lines[500:]))
    assert parsed is not None

    assert repeated_names(parsed, len(before), len(before) + len(added)) == 1
