"""Each repair offers what was meant; what it changes is nothing else."""

from textwrap import dedent

import pytest

from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Candidate, apply
from lsp_server.fixes.candidates import candidates
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.names.known import Names

_MARK = "|"  # where the complaint begins
_FILES = {
    "shop/__init__.py": "",
    "shop/cart.py": "class Cart:\n    def total_price(self, discount=0): ...\n\nLIMIT = 3\n",
    "shop/order.py": "from .cart import Cart\nimport numpy as np\n",
}


def _document(text: str) -> Document:
    return Document.of_text(uri="file:///shop/new.py", version=1, language="python", text=text)


def _offered(marked: str, code: str, message: str = "") -> list[Candidate]:
    """Return what is offered for a complaint that begins at the mark."""
    before, _, behind = marked.partition(_MARK)
    point = Point(before.count("\n"), len(before.rpartition("\n")[2]))
    diagnostic = Diagnostic(
        start=point,
        end=Point(point.line, len((before + behind).split("\n")[point.line])),
        code=code,
        message=message,
        source="test",
    )
    text = before + behind
    names = Names({**_FILES, "shop/new.py": text}, installed=frozenset({"numpy"}))
    return list(candidates(_document(text), diagnostic, names, "shop/new.py"))


def _texts(marked: str, code: str, message: str = "") -> list[str]:
    document = _document(marked.replace(_MARK, ""))
    return [apply(document, one).text() for one in _offered(marked, code, message)]


@pytest.mark.parametrize(
    ("code", "wrong", "right"),
    [
        ("F821", "config = 1\nprint(|confg)\n", "config = 1\nprint(config)\n"),
        ("F821", "a = |Flase\n", "a = False\n"),
        (
            "F821",
            "def f(total):\n    def g():\n        return |totl\n",
            "def f(total):\n    def g():\n        return total\n",
        ),
        ("F821", "print(|Path.cwd())\n", "from pathlib import Path\n\nprint(Path.cwd())\n"),
        ("F821", "print(|np.zeros)\n", "import numpy as np\n\nprint(np.zeros)\n"),
        ("F821", "print(|Cart())\n", "from .cart import Cart\n\nprint(Cart())\n"),
        (
            "F821",
            "print(|datetime.now())\n",
            "from datetime import datetime\n\nprint(datetime.now())\n",
        ),
        ("F821", "|datetime.date(1, 1, 1)\n", "import datetime\n\ndatetime.date(1, 1, 1)\n"),
        (
            "F821",
            "class A:\n    def f(x):\n        return |self.x\n",
            "class A:\n    def f(self, x):\n        return self.x\n",
        ),
        (
            "F821",
            "class A:\n    def f(self):\n        self.size = 1\n        return |size\n",
            "class A:\n    def f(self):\n        self.size = 1\n        return self.size\n",
        ),
        (
            "reportAttributeAccessIssue",
            "import os\nos.path.|exsts('a')\n",
            "import os\nos.path.exists('a')\n",
        ),
        (
            "reportAttributeAccessIssue",
            "from .cart import Cart\nCart().|total_prce()\n",
            "from .cart import Cart\nCart().total_price()\n",
        ),
        (
            "reportUnusedCoroutine",
            "async def f():\n    |g()\n",
            "async def f():\n    await g()\n",
        ),
        ("reportUnusedExpression", "def f(a):\n    |a + 1\n", "def f(a):\n    return a + 1\n"),
        (
            "reportReturnType",
            "def f(a) -> |int:\n    a + 1\n",
            "def f(a) -> int:\n    return a + 1\n",
        ),
        ("reportMissingImports", "import |jsn\n", "import json\n"),
        ("import-error", "from |shop.crt import Cart\n", "from shop.cart import Cart\n"),
        (
            "reportAttributeAccessIssue",
            "from pathlib import |Pth\n",
            "from pathlib import Path\n",
        ),
        ("E711", "b = |a == None\n", "b = a is None\n"),
        ("E711", "b = |a != None\n", "b = a is not None\n"),
        (
            "F841",
            "def f():\n    a = 1\n    |b = [a]\n    return a\n",
            "def f():\n    a = 1\n    return a\n",
        ),
        ("F841", "def f(g):\n    |r = g()\n", "def f(g):\n    g()\n"),
        (
            "F841",
            "try:\n    f()\nexcept OSError as |error:\n    pass\n",
            "try:\n    f()\nexcept OSError:\n    pass\n",
        ),
        ("F401", "import |os\nimport sys\n\nsys.exit()\n", "import sys\n\nsys.exit()\n"),
        ("F401", "from m import |a, b\n\nb()\n", "from m import b\n\nb()\n"),
        ("invalid-syntax", "if f(x)|\n    pass\n", "if f(x):\n    pass\n"),
        ("invalid-syntax", "x = f(a, [b]|\ny = 1\n", "x = f(a, [b])\ny = 1\n"),
        ("invalid-syntax", "x = (a + b)|)\n", "x = (a + b)\n"),
        ("invalid-syntax", "a = []\nx = a0|]\n", "a = []\nx = a[0]\n"),
        ("invalid-syntax", "x = f(|'b)\n", "x = f('b')\n"),
        ("invalid-syntax", "def f(x):\n    retrun |x\n", "def f(x):\n    return x\n"),
        ("invalid-syntax", "x = [1 |2]\n", "x = [1, 2]\n"),
        ("invalid-syntax", "if x |= 1:\n    pass\n", "if x == 1:\n    pass\n"),
    ],
)
def test_what_was_meant_comes_first(code: str, wrong: str, right: str) -> None:
    """The likeliest edit is the repair itself."""
    assert _texts(wrong, code)[0] == right


@pytest.mark.parametrize(
    ("message", "wrong", "right"),
    [
        (
            "Unexpected indentation",
            "def f():\n    a = 1\n      |b = 2\n",
            "def f():\n    a = 1\n    b = 2\n",
        ),
        (
            "Expected an indented block after function definition",
            "def f():\n|a = 1\n",
            "def f():\n    a = 1\n",
        ),
        (
            "unindent does not match any outer indentation level",
            "def f():\n    if a:\n        b()\n  |  else:\n",
            None,
        ),
    ],
)
def test_indentation(message: str, wrong: str, right: str | None) -> None:
    """A line moves to the depth of its neighbours; nothing is offered where none would do."""
    assert _texts(wrong, "invalid-syntax", message)[:1] == ([] if right is None else [right])


def test_keyword_that_no_function_takes() -> None:
    """A misspelt keyword becomes the parameter of the function that is called."""
    marked = "from .cart import Cart\nCart().total_price(|discnt=1)\n"

    texts = _texts(marked, "reportCallIssue", 'No parameter named "discnt"')

    assert texts[0] == marked.replace("|discnt", "discount")


def test_argument_of_the_parameters_name() -> None:
    """What is missing is most likely the variable that is called like the parameter."""
    marked = "def f(a, key): ...\n\ndef g(other, key):\n    |f(other)\n"

    texts = _texts(marked, "reportCallIssue", 'Argument missing for parameter "key"')

    assert texts[0] == marked.replace("|f(other)", "f(other, key)")


@pytest.mark.parametrize(
    "text",
    [
        "x = (\n",
        "\x00\n",
        "def " * 500,
        "(" * 5000,
        "if True:\n" + "\t" * 300 + "x = [\n",
        "'" * 4001,
        "a\u2028b = (\U0001f600\n",
    ],
)
@pytest.mark.parametrize("code", ["invalid-syntax", "F821", "reportCallIssue", "F841", "F401"])
def test_hostile_text_is_no_crash(text: str, code: str) -> None:
    """Whatever the text and wherever the complaint, edits stay inside the document."""
    document = _document(text)
    last = len(document.lines) - 1
    for point in (Point(0, 0), Point(last, 10**6), Point(10**6, 0)):
        diagnostic = Diagnostic(start=point, end=point, code=code, message="x" * 100_000, source="")

        for candidate in candidates(document, diagnostic, Names({}), "new.py"):
            apply(document, candidate)


def test_diagnostic_that_nothing_is_known_of() -> None:
    """No edit is offered for a rule that no repair is made for."""
    assert not _texts("|a = 1\n", "PLR2004")


def test_each_edit_is_offered_once() -> None:
    """Two repairs with one result are one candidate."""
    text = dedent(
        """\
        class A:
            name = 1
            def f(self, nme):
                return |nmae
        """
    )

    offered = _offered(text, "F821")

    assert len({candidate.changes for candidate in offered}) == len(offered) > 1
    assert [one.cost for one in offered] == sorted(one.cost for one in offered)
