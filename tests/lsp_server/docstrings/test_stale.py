"""Docstrings that were left behind, and what the fix leaves alone."""

import pytest

from lsp_server.docstrings.content import Style
from lsp_server.docstrings.facts import FunctionFacts
from lsp_server.docstrings.stale import Staleness, find_stale, updated
from lsp_server.docstrings.styles.layout import Layout
from lsp_server.syntax.python_facts import read_facts

LAYOUT = Layout(indent="    ", unit="    ", width=88, quotes='"""', types=False, summary_first=True)
DOCSTRINGS = {
    Style.GOOGLE: (
        '"""Do  it.\n\n    Args:\n        a: First;  odd   blanks.\n            More of a.\n'
        "        b (int): Second.\n\n    Raises:\n        KeyError: If a.\n"
        '        OSError: If b.\n    """'
    ),
    Style.NUMPY: (
        '"""Do  it.\n\n    Parameters\n    ----------\n    a\n        First;  odd   blanks.\n'
        "        More of a.\n    b : int\n        Second.\n\n    Raises\n    ------\n"
        '    KeyError\n        If a.\n    OSError\n        If b.\n    """'
    ),
    Style.SPHINX: (
        '"""Do  it.\n\n    :param a: First;  odd   blanks.\n        More of a.\n'
        "    :param int b: Second.\n    :raises KeyError: If a.\n"
        '    :raises OSError: If b.\n    """'
    ),
}
BODY = "    if a:\n        raise KeyError\n    raise OSError\n"


def _function(signature: str = "a, b", body: str = BODY) -> FunctionFacts:
    facts = read_facts(f"def f({signature}):\n{body}")
    assert facts is not None
    (found,) = facts.definitions
    assert isinstance(found, FunctionFacts)
    return found


def _fixed(literal: str, now: FunctionFacts, before: FunctionFacts | None) -> tuple[str, Staleness]:
    staleness = find_stale(now, literal, before)
    text = updated(now, literal, staleness, LAYOUT)
    assert not find_stale(now, text, before)
    return text, staleness


@pytest.mark.parametrize("style", Style)
def test_an_untouched_function_is_not_stale(style: Style) -> None:
    """With and without an earlier version."""
    function = _function()

    assert not find_stale(function, DOCSTRINGS[style], function)
    assert not find_stale(function, DOCSTRINGS[style])


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("knows_earlier", [True, False])
def test_a_renamed_parameter_is_renamed(style: Style, knows_earlier: bool) -> None:
    """Nothing but the name changes, also where the earlier version is not known."""
    literal = DOCSTRINGS[style]
    before = _function() if knows_earlier else None
    text, staleness = _fixed(literal, _function("a, count"), before)

    assert [(old, new.name) for old, new in staleness.renamed] == [("b", "count")]
    assert text == literal.replace("        b (", "        count (").replace(
        "    b : int", "    count : int"
    ).replace("int b:", "int count:")


@pytest.mark.parametrize("style", Style)
def test_a_removed_parameter_goes_with_its_lines(style: Style) -> None:
    """The others stay byte for byte."""
    literal = DOCSTRINGS[style]
    text, staleness = _fixed(literal, _function("b"), None)

    assert staleness.removed == ("a",)
    kept = [line for line in literal.split("\n") if line.strip() not in {"a", "More of a."}]
    kept = [line for line in kept if "First" not in line]
    assert text.split("\n") == kept


@pytest.mark.parametrize("style", Style)
def test_the_last_parameter_takes_its_section_along(style: Style) -> None:
    """No header without entries."""
    text, _ = _fixed(DOCSTRINGS[style], _function(""), None)

    assert "Args" not in text
    assert "Parameters" not in text
    assert ":param" not in text
    assert "Do  it.\n\n" in text
    assert "\n\n\n" not in text


@pytest.mark.parametrize("style", Style)
def test_what_follows_a_section_that_goes_stays(style: Style) -> None:
    """Every line of it, however short it is."""
    literal = DOCSTRINGS[style]
    text, _ = _fixed(literal, _function(""), _function())
    gone = ("a", "b", "More of a.", "First;  odd   blanks.", "Second.", "b : int")
    header = ("Args:", "Parameters", "----------")
    kept = [
        line
        for line in literal.split("\n")
        if line.strip() not in {*gone, *header}
        and not line.strip().startswith(("a:", "b (", ":param"))
    ]
    section = {Style.GOOGLE: "    Raises:", Style.NUMPY: "    Raises", Style.SPHINX: ":raises"}

    assert section[style] in text
    assert [line for line in text.split("\n") if line.strip()] == [
        one for one in kept if one.strip()
    ]


@pytest.mark.parametrize("style", Style)
def test_a_new_parameter_is_described_in_its_place(style: Style) -> None:
    """Behind the one before it; only if the earlier version did not have it."""
    literal = DOCSTRINGS[style]
    now = _function("a, new, b")
    assert not find_stale(now, literal)
    text, staleness = _fixed(literal, now, _function())

    assert [one.name for one in staleness.added] == ["new"]
    assert text.index("More of a.") < text.index("new") < text.index("Second.")
    assert [line for line in literal.split("\n") if line not in text.split("\n")] == []


@pytest.mark.parametrize("style", Style)
def test_an_exception_that_is_no_longer_raised_goes(style: Style) -> None:
    """Only one that the earlier version raised itself: callees may raise the others."""
    literal = DOCSTRINGS[style]
    now = _function(body="    raise OSError\n")
    assert not find_stale(now, literal)
    text, staleness = _fixed(literal, now, _function())

    assert staleness.no_longer_raised == ("KeyError",)
    assert "KeyError" not in text
    assert "OSError" in text


def test_one_of_several_names_of_an_entry_goes() -> None:
    """The entry and its text stay for the others."""
    literal = '"""Do.\n\n    Args:\n        a, b: Both.\n    """'
    text, _ = _fixed(literal, _function("b"), None)

    assert text == literal.replace("a, b", "b")


def test_described_keywords_are_no_lost_parameters() -> None:
    """A function with `**kwargs` may say which it takes."""
    literal = '"""Do.\n\n    Args:\n        a: X.\n        colour: Y.\n    """'

    assert not find_stale(_function("a, **kwargs"), literal)
    assert find_stale(_function("a"), literal).removed == ("colour",)


def test_stars_and_backslashes_are_the_same_name() -> None:
    """`args`, `*args` and the escaped name."""
    for name in ("args", "*args", "\\*args"):
        assert not find_stale(_function("*args"), f'"""Do.\n\n    :param {name}: X.\n    """')


def test_the_message_names_what_has_changed() -> None:
    """In a sentence."""
    stale = find_stale(_function("a, c"), DOCSTRINGS[Style.GOOGLE])

    assert stale.message == "The docstring is out of date: `b` is now `c`."
