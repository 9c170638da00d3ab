"""In which languages definitions are described, and the one door to the facts about them."""

from typing import Final

from lsp_server.docstrings.facts import ModuleFacts
from lsp_server.document import Document
from lsp_server.syntax.callable_facts import is_commented, read_callables
from lsp_server.syntax.callables import FUNCTIONS
from lsp_server.syntax.grammars import grammar_name, suffixes_of
from lsp_server.syntax.python_facts import read_facts

PYTHON: Final = "python"
_SUFFIXES_OF_PYTHON: Final = (".py", ".pyi", ".pyw")


def described_grammar(document: Document) -> str | None:
    """Return the grammar of a document whose definitions can be described, None for others."""
    if not document.language and document.uri.endswith(_SUFFIXES_OF_PYTHON):
        return PYTHON
    grammar = grammar_name(document.language, document.uri)
    return grammar if grammar == PYTHON or is_commented(grammar) else None


def read_module(document: Document) -> ModuleFacts | None:
    """Return the facts of a document; None in other languages, or if parsing takes too long."""
    grammar = described_grammar(document)
    if grammar is None:
        return None
    if grammar == PYTHON:
        return read_facts(document.text())
    return read_callables(document.text(), grammar)


def suffixes_described() -> tuple[str, ...]:
    """Return how the names of files end whose definitions can be described."""
    return suffixes_of((PYTHON, *FUNCTIONS))
