"""Which exceptions a docstring describes and how it names them; what is a property."""

import pytest

from lsp_server.docstrings.content import Style
from lsp_server.docstrings.facts import FunctionFacts
from lsp_server.docstrings.linters import Finding, about_variables
from lsp_server.docstrings.skeleton import described_exceptions
from lsp_server.syntax.python_facts import read_facts


def _function(text: str) -> FunctionFacts:
    module = read_facts(text)
    assert module is not None
    facts = module.definitions[-1]
    assert isinstance(facts, FunctionFacts)
    return facts


def test_an_aliased_module_is_left_out_where_ruff_does_not_know_it() -> None:
    """Another name of a module is the file's own; a plain import stays, and so do all in sphinx."""
    raising = "def f():\n    if a:\n        raise nx.BadInput\n    raise socket.Timeout\n"
    facts = _function(f"import networkx as nx\nimport socket\n{raising}")
    named = {style: [name for name, _ in described_exceptions(facts, style)] for style in Style}

    assert named[Style.GOOGLE] == named[Style.NUMPY] == ["BadInput", "socket.Timeout"]
    assert named[Style.SPHINX] == ["nx.BadInput", "socket.Timeout"]


def test_a_handler_of_everything_describes_nothing() -> None:
    """But in sphinx, whose linter asks for it; and not where `Exception` itself is made."""
    facts = _function("def f():\n    try:\n        g()\n    except Exception:\n        raise\n")
    made = _function("def f():\n    raise Exception('no')\n")

    assert described_exceptions(facts, Style.GOOGLE) == []
    assert [name for name, _ in described_exceptions(facts, Style.SPHINX)] == ["Exception"]
    assert [name for name, _ in described_exceptions(made, Style.GOOGLE)] == ["Exception"]


def test_a_cached_property_is_one_where_functools_has_it() -> None:
    """Others of that name are whatever their module makes of them."""
    text = "class C:\n    @cached_property\n    def p(self):\n        return 1\n"

    assert _function(f"from functools import cache, cached_property\n{text}").is_property
    assert not _function(f"from theirs import cached_property\n{text}").is_property


@pytest.mark.parametrize(
    ("described", "raised", "expected"),
    [
        ("['Error']", "['Error', 'value', 'self._fail', 'exc[0].with_traceback']", True),
        ("['Error']", "['Error', 'KeyError']", False),
        ("['Error', 'KeyError']", "['Error']", False),
    ],
)
def test_variables_are_no_exceptions(described: str, raised: str, expected: bool) -> None:
    """Findings about real exceptions count, missing ones and superfluous ones."""
    message = (
        'Function `f` exceptions in the "Raises" section in the docstring do not match those in the'
        f" function body. Raised exceptions in the docstring: {described}. Raised exceptions in the"
        f" body: {raised}."
    )

    named = _function("def f():\n    raise ValueError\n")
    unnamed = _function("def f(error):\n    raise error\n")
    assert about_variables(Finding(code="DOC503", message=message), named) is expected
    assert not about_variables(Finding(code="DOC501", message=message), named)
    assert about_variables(Finding(code="DOC501", message=message), unnamed)
