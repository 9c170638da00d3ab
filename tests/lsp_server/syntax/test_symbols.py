"""Symbols of a Python file: every way to bind a name, where it is visible, and what is kept."""

import random

import pytest

from lsp_server.syntax.parsing import Parsed, parse
from lsp_server.syntax.symbols import SymbolTable, symbols

pytestmark = pytest.mark.usefixtures("patient_parser")


def parsed(text: str) -> Parsed:
    tree = parse("python", text.encode())
    assert tree is not None
    return tree


def table(text: str) -> SymbolTable:
    return symbols(parsed(text))


@pytest.mark.parametrize(
    "statement",
    [
        "x = 1",
        "x: int = 1",
        "x += 1",
        "a, x = b",
        "(a, [x, *c]) = b",
        "*x, a = b",
        "if (x := 1): pass",
        "import x",
        "import x.y",
        "import a.b as x",
        "from a import x",
        "from a import b, x",
        "from a import b as x",
        "def x(): pass",
        "async def x(): pass",
        "class x: pass",
        "@a\ndef x(): pass",
        "@a\nclass x(b): pass",
        "for x in a: pass",
        "for i, (a, x) in b: pass",
        "with a as x: pass",
        "with a as (b, x): pass",
        "try: pass\nexcept A as x: pass",
        "b = [x for x in a]",
        "b = {x: 1 for a, x in c}",
        "b = lambda x: 1",
        "b = lambda a, x=1, *c: 1",
        "match a:\n    case [x, *b]: pass",
        "match a:\n    case [b, *x]: pass",
        "match a:\n    case A(b=x): pass",
        "match a:\n    case {1: x}: pass",
        "type x = int",
        "type x[T] = list[T]",
    ],
)
def test_every_way_to_bind_a_name(statement: str) -> None:
    """At the margin the name is the module's."""
    assert table(f"{statement}\n").is_visible("x", 0)


@pytest.mark.parametrize(
    "parameters",
    ["x", "a, x", "x=1", "x: int", "x: int = 1", "*x", "**x", "*x: int", "**x: int", "a, /, x"],
)
def test_parameters_are_visible_in_their_function_alone(parameters: str) -> None:
    """Of every form."""
    text = f"def f({parameters}):\n    pass\ny = 1\n"

    assert table(text).is_visible("x", text.index("pass"))
    assert not table(text).is_visible("x", text.index("y = 1"))


def test_names_of_scopes() -> None:
    """A function sees those around it, but not the class that it stands in."""
    text = """\
top = 1
class A:
    shared = 1
    other = shared
    def method(self, given):
        local = 1
        def inner(deep):
            return here
        return 2
    def second(self):
        return 3
def free(value):
    return 4
"""
    names = table(text)

    def visible(marker: str) -> set[str]:
        every = {"top", "A", "shared", "method", "given", "local", "inner", "deep", "free", "value"}
        return {name for name in every if names.is_visible(name, text.index(marker))}

    module = {"top", "A", "free"}
    assert visible("here") == module | {"given", "local", "inner", "deep"}
    assert visible("return 2") == module | {"given", "local", "inner"}
    assert visible("return 3") == module
    assert visible("return 4") == module | {"value"}
    assert visible("shared\n") == module | {"shared", "method"}


def test_a_star_import_is_known() -> None:
    """Behind it nothing can be said of names."""
    assert table("from a import *\n").has_star
    assert not table("from a import b\n").has_star


def test_a_table_made_from_an_older_one_equals_a_new_one() -> None:
    """Random edits, one after the other; what stays the same is taken over."""
    pieces = ["x = 1\n", "def f(a):\n    b = a\n", "class C:\n    y = 1\n", "    ", "(", "\n", "é"]
    rng = random.Random(3)  # noqa: S311 - reproducible, nothing secret
    text = "".join(pieces)
    known = None
    for _ in range(200):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(pieces) + text[at + rng.randrange(8) :]
        tree = parsed(text)
        known, fresh = symbols(tree, known), symbols(tree)

        assert known.module_names == fresh.module_names
        for offset in range(0, len(text.encode()), 7):
            assert list(known.scopes_at(offset)) == list(fresh.scopes_at(offset))


def test_only_the_statement_that_changed_is_looked_at() -> None:
    """A method of a class is a statement of its own."""
    methods = "".join(f"    def m{n}(self):\n        a{n} = 1\n" for n in range(50))
    old = table(f"class A:\n{methods}")
    new = symbols(parsed(f"class A:\n    x = 1\n{methods}"), old)
    kept = [source for source, chunk in new.chunks.items() if old.chunks.get(source) is chunk]

    assert len(kept) == 50
    assert len(new.chunks) == 51
