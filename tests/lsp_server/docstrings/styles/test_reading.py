"""Reading docstrings in each style."""

import pytest

from lsp_server.docstrings.content import SectionKind, Style
from lsp_server.docstrings.styles.reading import read_docstring

GOOGLE = '''"""Do.

    Text with a colon: here.

    Args:
        a: First.
            More: of it.
        *rest (tuple[int, ...]): Others.

        b, c: Two
    Keyword Args:
        d: Last.

    Returns:
        int: What.

    Raises:
        errors.Bad: If.

    Example:
        x: y
    """'''
NUMPY = '''"""
    Do.

    Parameters
    ----------
    a : int
        First.
        more : of it
    *rest
        Others.
    b, c : str, optional

    Other Parameters
    ----------------
    d
        Last.

    Returns
    -------
    int
        What.

    Raises
    ------
    errors.Bad
        If.

    Notes
    -----
    x : y
    """'''
SPHINX = '''r"""Do.

    :param int a: First.
        More: of it.
    :param \\*rest: Others
    goes on here.
    :type a: int
    :param b:
    :param c: x
    :keyword d: Last.
    :returns: What.
    :rtype: int
    :raises errors.Bad: If.
    """'''


@pytest.mark.parametrize(
    ("literal", "style"), [(GOOGLE, Style.GOOGLE), (NUMPY, Style.NUMPY), (SPHINX, Style.SPHINX)]
)
def test_each_style_is_read(literal: str, style: Style) -> None:
    """Names in order, with stars, several of an entry, sections of other kinds left out."""
    read = read_docstring(literal)

    assert read.style is style
    assert read.named(SectionKind.PARAMETERS) == ["a", "*rest", "b", "c", "d"]
    assert read.named(SectionKind.RAISES) == ["errors.Bad"]
    assert read.has(SectionKind.RETURNS) == 1
    assert read.has(SectionKind.YIELDS) == 0


@pytest.mark.parametrize("literal", [GOOGLE, NUMPY, SPHINX])
def test_names_are_found_where_they_stand(literal: str) -> None:
    """Line and columns of each name."""
    lines = literal.split("\n")
    for entry in read_docstring(literal).entries:
        for name in entry.names:
            assert lines[entry.first][name.start : name.end].replace("\\", "") == name.text


def test_entries_end_before_the_next() -> None:
    """Continuation lines belong to them, blank lines behind do not."""
    entries = [entry for entry in read_docstring(GOOGLE).entries if entry.names]

    assert [(entry.names[0].text, entry.first, entry.end) for entry in entries] == [
        ("a", 5, 7),
        ("*rest", 7, 8),
        ("b", 9, 10),
        ("d", 11, 12),
        ("errors.Bad", 17, 18),
    ]


def test_a_docstring_without_sections_has_no_style() -> None:
    """One line, or prose."""
    assert read_docstring('"""Do: it."""').style is None
    assert read_docstring("'''Do.\n\n    Note:\n    more.\n    '''").style is None
    assert read_docstring("'x'").entries == ()
