"""Docstrings for all kinds of definitions: same code, all described once, linters content."""

import ast
import importlib.util
from dataclasses import replace

import pytest

from lsp_server.docstrings.content import Style
from lsp_server.docstrings.drafting import DocstringError
from lsp_server.docstrings.habits import ProjectHabits
from lsp_server.docstrings.linters import Linters
from lsp_server.docstrings.proposal import Proposal, definition_at, facts_of, missing, propose
from lsp_server.document import Document
from lsp_server.fixes.candidate import Candidate, Origin, apply
from lsp_server.fixes.checkers.programs import Surroundings

AROUND = Surroundings(folder=None, workspace=(), trusted=False)
MANY = ", ".join(f"parameter_{number}={number}" for number in range(500))
CASES = {
    "plain": "def f(path, mode='r'):\n    return open(path, mode)\n",
    "decorated": "@cache\n@other(1)\ndef f(a):\n    if a < 0:\n        raise ValueError('no')\n",
    "nested": "def f(a):\n    def g(b):\n        raise KeyError\n    return g\n",
    "async": "async def f(a: int) -> str:\n    return await g(a)\n",
    "one line": "def f(a): return a + 1  # why\n",
    "one line of two": "def f(a): b = a; return b\n",
    "continued": "def f(a): \\\n    return a\n",
    "one line class": "class C: x = 1\n",
    "stub": "def f(a: int) -> str: ...\n",
    "stub below": "def f(a):\n    ...\n",
    "not done": "def f(a) -> int:\n    raise NotImplementedError\n",
    "tabs": "class C:\n\tx: int = 3\n\n\tdef m(self):\n\t\tif self.x:\n\t\t\treturn 1\n",
    "crlf": "def f(a):\r\n    return a\r\n",
    "non-ascii": "def größe(breite, höhe):\n    return breite * höhe  # 😋\n",
    "500 parameters": f"def f({MANY}):\n    return parameter_7\n",
    "generator": "def f(n: int) -> Iterator[int]:\n    for i in range(n):\n        yield i\n",
    "both": "def f(n) -> Generator[int, None, str]:\n    yield n\n    return 'x'\n",
    "stars": "def f(*args, **kwargs):\n    return g(*args, **kwargs)\n",
    "property": "class C:\n    @property\n    def p(self) -> int:\n        return self._p\n",
    "reraise": "def f(a):\n    try:\n        g(a)\n    except OSError:\n        raise\n",
    "underscore": "def f(_, __a):\n    return 1\n",
    "backslash": "def f(a='\\n'):\n    return a.split('\\\\')\n",
    "quotes": "def f(a='\"\"\"'):\n    return a == '\"'\n",
    "comment": "def f(a):  # why\n    # and how\n    return a\n",
    "blank lines": "def f(a):\n\n\n    return a\n",
    "error before": "x = (\n\ndef f(a):\n    return a\n",
    "error behind": "def f(a):\n    return a\n\nclass :\n    x = =\n",
    "no body yet": "def f(a):\n",
    "match": "def f(a):\n    match a:\n        case 1:\n            raise KeyError(a)\n",
    "type parameters": "def f[T](a: T) -> T:\n    return a\n",
    "class": "class C(Base):\n    a: int = 1\n\n    def m(self):\n        return self.a\n",
    "exception": "class BadInput(ValueError):\n    pass\n",
    "lambda default": "def f(key=lambda x: (yield)):\n    return key\n",
    "described types": (
        'def f(a: Annotated[int, Doc("""\n b\n""")] = 1) -> t.Annotated[int, 2]:\n    return a\n'
    ),
    "quoted type": 'def f(a: Literal[\'"""\']):\n    return a\n',
    "form feed": "\x0cdef f(a):\n    return a\n",
}


def _document(text: str) -> Document:
    return Document.of_text(uri="file:///m.py", version=1, language="python", text=text)


async def _propose(
    text: str, style: Style, name: str = "", linters: Linters | None = None
) -> tuple[Document, Proposal]:
    document = _document(text)
    module = facts_of(document)
    facts = next(one for one in module.definitions if not name or one.name == name)
    quiet = linters or replace(Linters.find(AROUND), ruff=None, has_pydoclint=False)
    proposal = await propose(document, module, facts, ProjectHabits(), quiet, style)
    candidate = Candidate(title="", changes=(proposal.change,), origin=Origin.ENUMERATED)
    return apply(document, candidate), proposal


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("case", CASES)
async def test_every_kind_of_definition_gets_a_sound_docstring(case: str, style: Style) -> None:
    """The checks that a proposal must pass hold, or `propose` would have refused."""
    text = CASES[case]
    name = "p" if case == "property" else ""
    changed, proposal = await _propose(text, style, name)

    assert proposal.checks.sound
    assert changed.text() != text


@pytest.mark.parametrize("style", Style)
async def test_linters_find_nothing(style: Style) -> None:
    """In all cases at once that they can parse, by their own rules."""
    linters = replace(Linters.find(AROUND), has_pydoclint=False)
    assert linters.ruff is not None
    complaints = []
    for case, text in CASES.items():
        if case in {"type parameters", "tabs"}:
            continue  # newer than the running Python; see the test of tabs
        name = "p" if case == "property" else ""
        _, proposal = await _propose(text, style, name, linters)
        complaints += [(case, one) for one in proposal.checks.findings]

    assert complaints == []


@pytest.mark.skipif(importlib.util.find_spec("pydoclint") is None, reason="needs pydoclint")
async def test_pydoclint_finds_nothing_in_sphinx_style() -> None:
    """Parameters, returns, yields and raises of one file."""
    text = CASES["plain"] + CASES["stars"].replace("f(", "g(") + CASES["reraise"]
    linters = replace(Linters.find(AROUND), ruff=None)
    _, proposal = await _propose(text, Style.SPHINX, "g", linters)

    assert proposal.checks.linters == ("pydoclint",)
    assert proposal.checks.findings == ()


async def test_repeated_types_stay_in_one_piece() -> None:
    """However long they are: where a type is broken the name before it would not be read."""
    described = "".join(f"        {name} (int): the number.\n" for name in "abc")
    other = f'def g(a: int, b: int, c: int):\n    """Go.\n\n    Args:\n{described}    """\n'
    kind = "Optional[Callable[[Sequence[Mapping[str, int]], Iterable[str]], Iterable[bytes]]]"
    text = f"{other}def f(some_function: {kind} = None) -> None:\n    print(some_function)\n"
    changed, _ = await _propose(text, Style.GOOGLE, "f")

    assert f"        some_function ({kind}):" in changed.text()


async def test_line_ends_and_tabs_stay_those_of_the_file() -> None:
    """CRLF and tab indentation."""
    crlf, _ = await _propose(CASES["crlf"], Style.GOOGLE)
    tabs, _ = await _propose(CASES["tabs"], Style.GOOGLE, "m")

    assert all(line.endswith("\r\n") for line in crlf.lines if line)
    assert '\t\t"""' in tabs.text()
    assert "\n\t\tReturns:\n\t\t\t" in tabs.text()


async def test_the_summary_of_a_method_is_the_text_shown() -> None:
    """One whole example, as it looks in a file."""
    changed, _ = await _propose(
        "def load(path, mode='r'):\n    if not path:\n        raise ValueError('no path')\n"
        "    return open(path, mode)\n",
        Style.GOOGLE,
    )

    assert changed.text() == (
        "def load(path, mode='r'):\n"
        '    """Load by returning `open(path, mode)`.\n\n'
        "    Args:\n"
        "        path: Passed to `open`.\n"
        "        mode: Passed to `open`; `'r'` by default.\n\n"
        "    Returns:\n"
        "        The value of `open(path, mode)`.\n\n"
        "    Raises:\n"
        "        ValueError: If `not path`.\n"
        '    """\n'
        "    if not path:\n        raise ValueError('no path')\n"
        "    return open(path, mode)\n"
    )


async def test_a_class_docstring_is_followed_by_a_blank_line() -> None:
    """As PEP 257 asks."""
    changed, _ = await _propose(CASES["class"], Style.NUMPY)
    tree = ast.parse(changed.text())

    assert ast.get_docstring(tree.body[0]) is not None
    assert '    """\n\n    a: int = 1' in changed.text()


async def test_overloads_and_accessors_are_refused() -> None:
    """Their docstring belongs to another definition."""
    with pytest.raises(DocstringError, match="overload"):
        await _propose("@overload\ndef f(a): ...\n", Style.GOOGLE)
    with pytest.raises(DocstringError, match="accessor"):
        await _propose("class C:\n    @p.setter\n    def p(self, v): pass\n", Style.GOOGLE, "p")


async def test_a_body_that_is_a_docstring_is_left_alone() -> None:
    """There is nothing to write."""
    with pytest.raises(DocstringError, match="has one"):
        await _propose('def f(a):\n    """Doc."""\n', Style.GOOGLE)


def test_missing_lists_what_is_public_and_bare() -> None:
    """Not private ones, inner functions, overloads and accessors, or what is documented."""
    document = _document(
        "def f():\n    def inner(): pass\ndef _g(): pass\nclass C:\n    def m(self): pass\n"
        "    @p.setter\n    def p(self, v): pass\nclass _D:\n    def n(self): pass\n"
        'def h():\n    """Doc."""\n@overload\ndef o(): ...\n'
    )

    assert [one.name for one in missing(document, facts_of(document))] == ["f", "C", "m"]


def test_the_definition_around_a_line() -> None:
    """The innermost; decorators belong to it; other lines have none."""
    document = _document("x = 1\n\n@d\nclass C:\n    def m(self):\n        return 1\n\n\ny = 2\n")
    module = facts_of(document)

    assert definition_at(document, module, 2).name == "C"
    assert definition_at(document, module, 5).name == "m"
    with pytest.raises(DocstringError, match="found none"):
        definition_at(document, module, 8)


def test_other_languages_are_refused() -> None:
    """With a sentence that says so."""
    document = Document.of_text(uri="file:///m.rb", version=1, language="ruby", text="def f; end")

    with pytest.raises(DocstringError, match="Python"):
        facts_of(document)
