"""Style and layout follow the file, then the project."""

from pathlib import Path

import pytest

from lsp_server.docstrings.content import Style
from lsp_server.docstrings.habits import (
    ProjectHabits,
    choose_layout,
    choose_style,
    docstrings_of,
)
from lsp_server.docstrings.project_habits import read_project_habits
from lsp_server.document import Document
from lsp_server.syntax.python_facts import read_facts

NUMPY = '"""Do.\n\n    Parameters\n    ----------\n    a : int\n        X.\n    """'
SPHINX = '"""Do.\n\n    :param a: x.\n    """'
GOOGLE = '"""Do.\n\n    Args:\n        a: X.\n    """'


def _layout(text: str, style: Style = Style.GOOGLE, name: str = "f"):  # noqa: ANN202 - Layout
    document = Document.of_text(uri="file:///m.py", version=1, language="python", text=text)
    facts = read_facts(document.text())
    assert facts is not None
    one = next(one for one in facts.definitions if one.name == name)
    return choose_layout(document, one, docstrings_of(document, facts), ProjectHabits(), style)


@pytest.mark.parametrize(
    ("docstring", "style"),
    [(NUMPY, Style.NUMPY), (SPHINX, Style.SPHINX), (GOOGLE, Style.GOOGLE)],
)
def test_the_file_decides(docstring: str, style: Style) -> None:
    """Where nothing is configured."""
    assert choose_style([docstring], ProjectHabits(style=Style.NUMPY)) is style


def test_what_is_configured_comes_first_and_google_last() -> None:
    """Then the file, then the project's other files."""
    assert choose_style([GOOGLE], ProjectHabits(convention=Style.NUMPY)) is Style.NUMPY
    assert choose_style(['"""Do."""'], ProjectHabits(style=Style.SPHINX)) is Style.SPHINX
    assert choose_style([], ProjectHabits()) is Style.GOOGLE


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[tool.ruff]\nline-length = 99\nlint.pydocstyle.convention = "numpy"\n'),
        ("ruff.toml", 'line-length = 99\n[lint.pydocstyle]\nconvention = "numpy"\n'),
        ("setup.cfg", "[pydocstyle]\nconvention = numpy\n[flake8]\nmax-line-length = 99\n"),
    ],
)
def test_configurations_are_read(tmp_path: Path, name: str, text: str) -> None:
    """Of ruff and of pydocstyle."""
    (tmp_path / name).write_text(text)
    (tmp_path / "package").mkdir()
    habits = read_project_habits(tmp_path / "package" / "m.py")

    assert habits == ProjectHabits(convention=Style.NUMPY, width=99)


def test_a_broken_configuration_is_no_configuration(tmp_path: Path) -> None:
    """Nothing is raised."""
    (tmp_path / "pyproject.toml").write_text("[tool.ruff\n")
    (tmp_path / "setup.cfg").write_text("no section")

    assert read_project_habits(tmp_path / "m.py") == ProjectHabits()


def test_other_files_of_the_folder_show_the_style(tmp_path: Path) -> None:
    """Where nothing is configured."""
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "other.py").write_text(f"def f(a):\n    {SPHINX}\n")

    assert read_project_habits(tmp_path / "m.py").style is Style.SPHINX


def test_quotes_follow_the_file() -> None:
    """If most of its docstrings have single ones."""
    single = "def a():\n    '''Do.'''\ndef b():\n    '''Do.'''\n"

    assert _layout(single + "def f():\n    pass\n").quotes == "'''"
    assert _layout("def f():\n    pass\n").quotes == '"""'


def test_indentation_follows_the_body() -> None:
    """Two blanks, and a body on the header's line."""
    text = "class C:\n  def f(self):\n    return 1\n  def g(self): return 2\n"

    assert _layout(text).indent == "    "
    assert _layout(text, name="g").indent == "    "
    assert _layout(text).unit == "  "


def test_the_summary_stands_where_the_file_puts_it() -> None:
    """Below the quotes, except in Google's style, whose rule is the first line."""
    below = '    """\n    Do.\n\n    More.\n    """\n'
    text = f"def a():\n{below}def b():\n{below}def f():\n    pass\n"

    assert not _layout(text, Style.NUMPY).summary_first
    assert _layout(text, Style.GOOGLE).summary_first


def test_types_are_repeated_only_where_the_file_does() -> None:
    """Annotations say them otherwise."""
    typed = GOOGLE.replace("a: X.", "a (int): X.\n        b (str): Y.")

    assert _layout(f"def a():\n    {typed}\ndef f():\n    pass\n").types
    assert not _layout(f"def a():\n    {GOOGLE}\ndef f():\n    pass\n").types
