"""Drafts of the standard library's functions: no description is its own name said again."""

import sysconfig
from pathlib import Path

import pytest

from lsp_server.docstrings.content import Style
from lsp_server.docstrings.drafting import DocstringError, draft
from lsp_server.docstrings.facts import ClassFacts
from lsp_server.docstrings.habits import ProjectHabits
from lsp_server.document import Document
from lsp_server.syntax.python_facts import read_facts
from tests.lsp_server.docstrings.conftest import own_words

MODULES = ("argparse", "configparser", "csv", "functools", "pathlib", "shutil", "tarfile")


@pytest.mark.parametrize("style", Style)
def test_no_description_consists_of_names_alone(style: Style) -> None:
    """Each has a word besides those of its name, its type and its function."""
    num_described = 0
    for module in MODULES:
        file = Path(sysconfig.get_path("stdlib"), f"{module}.py")
        document = Document.of_text(
            uri=file.as_uri(), version=0, language="python", text=file.read_text(encoding="utf-8")
        )
        facts = read_facts(document.text())
        assert facts is not None
        for one in facts.definitions:
            try:
                content = draft(document, facts, one, ProjectHabits(), style).content
            except DocstringError:
                continue
            names = [one.name, one.owner or ""]
            if not isinstance(one, ClassFacts):
                names.append(one.return_annotation or "")
            assert own_words(content.summary, names), (module, content.summary)
            num_described += 1
            for section in content.sections:
                for entry in section.entries:
                    assert own_words(entry.text, [*names, entry.name, entry.type]), (module, entry)
                    num_described += 1

    assert num_described > 2000
