"""Puts a docstring together: facts, style, skeleton, text, and the change to the file."""

from dataclasses import dataclass, replace

from inference import MixlineError
from lsp_server.docstrings.content import Content, Style
from lsp_server.docstrings.facts import Facts, FunctionFacts, ModuleFacts
from lsp_server.docstrings.habits import (
    ProjectHabits,
    choose_layout,
    choose_style,
    docstrings_of,
)
from lsp_server.docstrings.placement import placed
from lsp_server.docstrings.skeleton import skeleton
from lsp_server.docstrings.styles.layout import Layout
from lsp_server.docstrings.styles.writing import write
from lsp_server.document import Document
from lsp_server.fixes.candidate import Candidate, Change, Origin, apply


class DocstringError(MixlineError):
    """No docstring can be written here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A docstring for one definition, not yet verified."""

    document: Document
    facts: Facts
    index: int  # of the definition among those of the file
    style: Style
    layout: Layout
    content: Content

    @property
    def literal(self) -> str:
        """The string, quotes included; its first line is not indented."""
        return write(self.content, self.style, self.layout)

    @property
    def change(self) -> Change:
        """What puts it into the file."""
        return placed(self.document, self.facts, self.layout.indent, self.literal)

    def applied(self) -> Document:
        """Return the file with the docstring."""
        candidate = Candidate(title="", changes=(self.change,), origin=Origin.ENUMERATED)
        return apply(self.document, candidate)

    def with_content(self, content: Content) -> "Draft":
        """Return the same with other words."""
        return replace(self, content=content)


def draft(
    document: Document,
    module: ModuleFacts,
    facts: Facts,
    project: ProjectHabits,
    style: Style | None = None,
) -> Draft:
    """Return the docstring of plain phrases for a definition.

    Args:
        document: the file.
        module: its facts.
        facts: of the definition, one of those.
        project: what else is known of the project.
        style: None to follow the file and the project.

    Raises:
        DocstringError: it is a definition that has no docstring of its own.
    """
    if isinstance(facts, FunctionFacts) and facts.is_overload:
        raise DocstringError(
            f"expected a function with a body of its own, found an overload of `{facts.name}`;"
            " put the docstring on the implementation"
        )
    if isinstance(facts, FunctionFacts) and facts.is_accessor:
        raise DocstringError(
            f"expected a function of its own, found an accessor of the property `{facts.name}`;"
            " put the docstring on its getter"
        )
    docstrings = docstrings_of(document, module)
    chosen = style or choose_style(docstrings, project)
    layout = choose_layout(document, facts, docstrings, project, chosen)
    return Draft(
        document=document,
        facts=facts,
        index=module.definitions.index(facts),
        style=chosen,
        layout=layout,
        content=skeleton(facts, chosen, layout.room),
    )
