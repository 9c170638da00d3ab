"""Closers: what an editor closed by itself is recognised, in code and in strings."""

import pytest

from lsp_server.postprocess.closers import absorbed_closers, hidden_closers, only_closers


@pytest.mark.parametrize(
    "rest", ["", "  ", ")", "])", '")', "');", "}: ", " ) ", "`", ">", "</p>", "</a.b>);"]
)
def test_closers_are_no_words(rest: str) -> None:
    """Blank, brackets, quotes and one mark at the end."""
    assert only_closers(rest)


@pytest.mark.parametrize("rest", ["x", ") + 1", "(", ");;", ", b)", "= 3"])
def test_words_and_openers_are_not_closers(rest: str) -> None:
    """An infill is not the end of a line."""
    assert not only_closers(rest)


@pytest.mark.parametrize(
    ("text", "rest", "absorbed"),
    [
        ("x, y)", ")", 1),
        ("x, y):", ")", 1),
        ("f(x)", ")", 0),
        ("f(x))", ")", 1),
        ("x", ")", 0),
        ("a[0]", "]", 0),
        ("0]", "])", 1),
        ("0])", "])", 2),
        ("x);", ");", 2),
        ("x)", ");", 1),
        ('hello")', '")', 2),
        ('hello"', '")', 1),
        ("it's\")", '")', 2),
        ('say \\"x\\"")', '")', 2),
        ("open", '"', 0),
        ("x) ", ") ", 1),
        ('")"', ")", 0),
        ("x}", ")", 0),
        ('x)"', ')"', 2),
        ('f("a"))"', ')"', 2),
        ('Says."""', '"""', 3),
        ("i32>", ">", 1),
        ("Vec<i32>", ">", 0),
        ("Vec<i32>>", ">", 1),
        ("x => y", ">", 0),
        (' b">', '">', 2),
        ("a</p>", "</p>", 4),
        ("<b>a</b></p>", "</p>", 4),
        ("<b>a</b>", "</p>", 0),
        ("a<br><img/></p>", "</p>", 4),
        ("<B c={d} /></p>", "</p>", 4),
        ("{a}</p>;", "</p>;", 5),
        ("don't</p>", "</p>", 4),
    ],
)
def test_what_is_written_again_is_absorbed(text: str, rest: str, absorbed: int) -> None:
    """Brackets that the suggestion opened itself do not count, nor those inside strings."""
    assert absorbed_closers(text, rest) == absorbed


@pytest.mark.parametrize("rest", [")", "])", ") ", "):", "'", '")', "});", "</p>"])
def test_closers_at_the_cursor_are_hidden(rest: str) -> None:
    """To the end of the line, whatever editor or user has put there."""
    assert hidden_closers(rest + "\nnext\n") == rest
    assert hidden_closers(rest) == rest


@pytest.mark.parametrize("rest", ["", "  ", ":", '"""', "'' ", ") + 1", "x)", ", b)"])
def test_all_else_is_shown(rest: str) -> None:
    """Words, marks alone, and quotes of which it is not known which side they are."""
    assert hidden_closers(rest + "\nnext\n") == ""
