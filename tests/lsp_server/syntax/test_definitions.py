"""Definitions with their signatures in every language that has functions or types."""

import pytest

from lsp_server.document import Document, Point
from lsp_server.syntax.definitions import Definition, definitions, imported_names
from lsp_server.syntax.guard import SyntaxGuard
from lsp_server.syntax.parsing import SyntaxTrees, parse

PYTHON = """\
import os
from shop.orders import (Order, load as load_orders)

@dataclass
class Cart(Base):
    items: list[str]

    def add(self, item: str,
            count: int = 1) -> None:
        def inner() -> None: ...

async def total(cart): ...

class Kind(Enum):
    A = 1
    B = 2
"""


def found(grammar: str, source: str) -> tuple[Definition, ...]:
    parsed = parse(grammar, source.encode())
    assert parsed is not None
    return definitions(parsed)


def test_python() -> None:
    """Decorators belong to a definition, functions inside functions do not count."""
    items = found("python", PYTHON)

    assert [(item.name, item.depth, item.signature) for item in items] == [
        ("Cart", 0, "class Cart(Base):"),
        ("add", 1, "def add(self, item: str, count: int = 1) -> None:"),
        ("total", 0, "async def total(cart):"),
        ("Kind", 0, "class Kind(Enum): A = 1 B = 2"),
    ]
    assert PYTHON[items[0].start :].startswith("@dataclass")
    assert PYTHON[items[1].start :].startswith("    def add")


@pytest.mark.parametrize(
    ("grammar", "source", "signatures"),
    [
        ("javascript", "export class A extends B { f(x) { g() } }", ["class A extends B", "f(x)"]),
        ("typescript", "export function f(a: P): T { }", ["function f(a: P): T"]),
        ("typescript", "export type T = {x: string};", ["type T = {x: string};"]),
        ("tsx", "function App(p: P) { return <a/> }", ["function App(p: P)"]),
        ("rust", "impl P { fn new(a: i32) -> Self { } }", ["impl P", "fn new(a: i32) -> Self"]),
        ("rust", "pub struct P { a: i32 }", ["pub struct P { a: i32 }"]),
        ("go", "func (p *P) F(x int) error { }", ["func (p *P) F(x int) error"]),
        ("java", "class A { int f(int x) { } }", ["class A", "int f(int x)"]),
        ("c", "static int *f(int x) { }", ["static int *f(int x)"]),
        ("cpp", "template <class T> class A { int f() { } };", ["class A", "int f()"]),
        ("csharp", "class A { int F(int x) { } }", ["class A", "int F(int x)"]),
        ("bash", "f() {\n  echo\n}", ["f()"]),
        ("json", '{"a": 1}', []),
    ],
)
def test_other_languages(grammar: str, source: str, signatures: list[str]) -> None:
    """The text before the body, on one line; small types whole."""
    assert [item.signature for item in found(grammar, source)] == signatures


@pytest.mark.parametrize(
    ("grammar", "source", "name"),
    [
        ("rust", "impl Part { fn f() { } }", "Part"),
        ("go", "package p\ntype Part struct { A int }", "Part"),
        ("c", "int *(*part)(int x);\nint *part(int x) { }", "part"),
        ("cpp", "int A::part(int x) { return 1; }", "part"),
    ],
)
def test_names(grammar: str, source: str, name: str) -> None:
    """Also where the grammar has no field for them."""
    assert found(grammar, source)[0].name == name


def test_imported_names() -> None:
    """Names and modules, without the words of the statements."""
    parsed = parse("python", PYTHON.encode())
    assert parsed is not None

    assert imported_names(parsed) == {"os", "shop", "orders", "Order", "load", "load_orders"}


def test_broken_code_has_definitions_too() -> None:
    """What is being typed does not hide the rest."""
    items = found("python", "def f(a):\n    return a\n\n\nx = foo(\n")

    assert "f" in [item.name for item in items]


def test_borders_count_in_characters_of_the_prefix() -> None:
    """From where each definition begins, bytes of other alphabets notwithstanding."""
    text = "# ä😋\ndef one():\n    return 'é'\n\n\ndef two():\n    retu"
    document = Document.of_text(uri="u", version=1, language="python", text=text)
    guard = SyntaxGuard(SyntaxTrees(), document, Point(6, 8), "a.py")
    starts = (text.index("def one"), text.index("def two"))

    assert guard.borders(len(text)) == starts
    assert guard.borders(20) == (20 - (len(text) - starts[1]),)
    assert guard.borders(3) == ()


def test_without_a_grammar_there_are_no_borders() -> None:
    """Nothing is known."""
    document = Document.of_text(uri="u", version=1, language="plaintext", text="def a")
    guard = SyntaxGuard(SyntaxTrees(), document, Point(0, 5), "a.txt")

    assert (guard.borders(5), guard.definitions, guard.imports) == ((), (), frozenset())
