"""Placeholders: escaped, from the margin, only where the words are nobody's."""

import pytest

from lsp_server.docstrings.comments.proposal import propose_comment
from lsp_server.docstrings.content import Style
from lsp_server.docstrings.drafting import Draft, draft
from lsp_server.docstrings.facts import FunctionFacts
from lsp_server.docstrings.habits import ProjectHabits
from lsp_server.docstrings.languages import read_module
from lsp_server.docstrings.placeholders import snippet_change
from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Change


def _draft(text: str, style: Style | None = None) -> Draft:
    document = Document.of_text(uri="file:///m.py", version=1, language="python", text=text)
    module = read_module(document)
    assert module is not None
    return draft(document, module, module.definitions[-1], ProjectHabits(), style)


def _snippet(drafted: Draft, own: str = "") -> Change | None:
    """Return the snippet of a draft, whose summary is its own words if any are given."""
    content = drafted.content
    if own:
        content = type(content)(summary=own, sections=content.sections)
    return snippet_change(
        drafted.document, content, drafted.content, lambda shown: drafted.with_content(shown).change
    )


def test_only_what_nobody_is_sure_of_is_a_placeholder() -> None:
    """The model's words and what an exception needs are plain text; snippets' signs are escaped."""
    text = "def f(a):\n\n    if a == '$}':\n        raise KeyError\n    return a\n"
    change = _snippet(_draft(text), own="Give it back.")

    assert change is not None
    assert (change.start, change.end) == (Point(1, 0), Point(2, 0))
    assert change.text == (
        '    """Give it back.\n\n    Args:\n        a: ${1:Tested by `a == \'\\$\\}\'`.}\n\n'
        "    Returns:\n        ${2:The value of `a`.}\n\n    Raises:\n"
        '        KeyError: If `a == \'\\$\\}\'`.\n    """\n$0'
    )


@pytest.mark.parametrize(
    "text", ["def f(a): return a\n", "def f(a):", "def f(a: '\ue000x\ue001'):\n    b\n"]
)
def test_no_snippet_where_there_is_no_place_for_one(text: str) -> None:
    """A body on the header's line, the end of the file, marks that the file has itself."""
    assert _snippet(_draft(text, Style.NUMPY)) is None


def test_comments_have_placeholders_too() -> None:
    """Their lines begin at the margin as well."""
    document = Document.of_text(
        uri="file:///m.rs",
        version=1,
        language="rust",
        text="impl B {\n    fn f(a: u8) -> u8 { a }\n}\n",
    )
    module = read_module(document)
    assert module is not None
    facts = module.definitions[0]
    assert isinstance(facts, FunctionFacts)
    change = propose_comment(document, module, facts, "rust").snippet

    assert change is not None
    assert (change.start, change.end) == (Point(1, 0), Point(1, 4))
    assert change.text.startswith("    /// ${1:Return f from `a`.}\n    ///\n")
    assert "    /// * `a` - ${2:Returned as it is.}\n" in change.text
    assert change.text.endswith("    /// ${3:The value of `a`.}\n    $0")
