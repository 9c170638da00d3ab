"""The docstring behind opening quotes: where there is one, what it replaces, what it leaves."""

import ast

import pytest

from lsp_server.docstrings.after_quotes import after_quotes, is_behind_quotes
from lsp_server.docstrings.habits import ProjectHabits
from lsp_server.document import Document, Point


def _document(text: str) -> Document:
    return Document.of_text(uri="file:///m.py", version=1, language="python", text=text)


@pytest.mark.parametrize("quotes", ['"""', "'''"])
@pytest.mark.parametrize("is_closed", [True, False])
def test_the_rest_makes_the_file_parse(quotes: str, is_closed: bool) -> None:
    """Closed by the editor or not; single quotes where they are a habit."""
    habit = "def g():\n    '''G.'''\n\ndef h():\n    '''H.'''\n\n" if quotes == "'''" else ""
    closing = quotes if is_closed else ""
    text = f"{habit}def f(a):\n    {quotes}{closing}\n    return a\n"
    line = text[: text.index(f"{quotes}{closing}\n    return")].count("\n")
    document, cursor = _document(text), Point(line, 7)
    found = after_quotes(document, cursor, ProjectHabits())

    assert found is not None
    assert found.absorbed == len(closing)
    changed, _ = document.replace(cursor, Point(line, 7 + found.absorbed), found.text, 2)
    function = ast.parse(changed.text()).body[-1]
    assert isinstance(function, ast.FunctionDef)
    assert "a: Returned as it is." in (ast.get_docstring(function) or "")
    assert len(function.body) == 2


@pytest.mark.parametrize(
    "text",
    [
        'x = 1\n    """\n',  # no header above
        'def f(a):\n    b = 1\n    """\n    return a\n',  # not the first statement
        'def f(a):\n    """ text\n    return a\n',  # something is written already
        'def f(a):\n    "\n    return a\n',
        'def f(a): return a\n    """\n',  # the body stands on the line of the header
        'def f(a):\n        """\n    return a\n',  # indented otherwise than the body
        '@overload\ndef f(a):\n    """\n    ...\n',  # the implementation has it
    ],
)
def test_other_places_are_none(text: str) -> None:
    """Nothing is offered there."""
    document = _document(text)
    row = next(n for n in range(len(document.lines)) if document.line(n).lstrip()[:1] == '"')
    line = document.line(row)
    cursor = Point(row, line.rindex('"') + 1)

    assert after_quotes(document, cursor, ProjectHabits()) is None


def test_what_may_be_opening_quotes() -> None:
    """They, with nothing but their end behind them."""
    for line, expected in (
        ('    """', True),
        ('    r"""', True),
        ('    """"""', False),
        ("", False),
    ):
        assert is_behind_quotes(_document(line), Point(0, len(line))) is expected
    assert is_behind_quotes(_document('    """"""'), Point(0, 7))
    assert not is_behind_quotes(_document('    """x'), Point(0, 7))
