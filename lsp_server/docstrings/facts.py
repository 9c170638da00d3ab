"""What the syntax of a Python function or class says about it; nothing here is guessed."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lsp_server.document import Point

# What a bare `cached_property` is depends on an import; where it is functools', its name says so.
_PROPERTIES: Final = frozenset(
    {"property", "functools.cached_property", "abc.abstractproperty", "enum.property"}
)


class ParameterKind(StrEnum):
    """How a parameter takes its argument."""

    POSITIONAL_ONLY = "positional-only"
    POSITIONAL = "positional or keyword"
    VARIADIC = "variadic"  # *args
    KEYWORD_ONLY = "keyword-only"
    KEYWORDS = "keywords"  # **kwargs


class UseKind(StrEnum):
    """What a function's body does with a parameter; the most telling first."""

    STORED = "stored"  # self.x = x
    COMPARED = "compared"  # x == 1, x in (1, 2)
    CHECKED = "checked"  # isinstance(x, T)
    PASSED = "passed"  # f(x), f(name=x)
    CALLED = "called"  # x()
    ENTERED = "entered"  # with x
    AWAITED = "awaited"
    ITERATED = "iterated"  # for item in x
    MEMBER = "member"  # x.name
    INDEXED = "indexed"  # x[...]
    INDEX = "index"  # y[x]
    RETURNED = "returned"
    DECIDES = "decides"  # if x, while not x
    CALCULATED = "calculated"  # x + 1
    SHOWN = "shown"  # f"{x}"
    READ = "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of a parameter."""

    kind: UseKind
    detail: str = ""  # source: what it is compared with, passed to, stored as
    keyword: str = ""  # the name of the argument that it is passed as


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter; `self` and `cls` are none."""

    name: str
    kind: ParameterKind
    annotation: str | None
    default: str | None
    uses: tuple[Use, ...] = ()
    passed: tuple[str, ...] = ()  # source of what callers in the same file pass, each once

    @property
    def starred(self) -> str:
        """The name with the stars of its kind."""
        stars = {ParameterKind.VARIADIC: "*", ParameterKind.KEYWORDS: "**"}
        return stars.get(self.kind, "") + self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """One exception that the body raises, or lets out of a handler again."""

    name: str  # as the code writes it: `ValueError`, `errors.BadInput`
    conditions: tuple[str, ...]  # source of the innermost `if` around each place; "" where none is
    messages: tuple[str, ...]  # what is said there, where it is a plain string
    caught: tuple[str, ...]  # the exceptions in whose handlers it is raised
    is_aliased: bool = False  # its first part is what this file alone calls a module


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A name that a class body binds."""

    name: str
    annotation: str | None
    default: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where the parts of a definition stand in its file; the end is the first point behind."""

    start: Point  # its decorators included
    name: Point
    end: Point
    header_end: Point  # behind the colon
    body: Point  # first statement; `header_end` where there is none
    body_is_inline: bool  # it stands on the line of the colon
    docstring: tuple[Point, Point] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionFacts:
    """A function or method."""

    name: str
    owner: str | None  # the class whose body holds it
    span: Span
    parameters: tuple[Parameter, ...]
    decorators: tuple[str, ...]  # source without "@"
    is_async: bool
    return_annotation: str | None
    returns: tuple[str, ...]  # source of each value returned, in order, each once
    returns_value: bool  # not None alone
    yields: tuple[str, ...]  # source of each value yielded, "" for none
    is_generator: bool
    raises: tuple[Raised, ...]
    calls: tuple[str, ...]  # names called, in order, each once
    sets: tuple[str, ...]  # attributes of self that are set
    is_stub: bool  # nothing but `...`, `pass` or raising NotImplementedError
    num_statements: int  # of the body, its docstring not counted

    @property
    def is_property(self) -> bool:
        """Whether it is read like an attribute."""
        return any(name in _PROPERTIES for name in self.decorators)

    @property
    def is_accessor(self) -> bool:
        """Whether it sets or deletes a property whose getter has the docstring."""
        return any(name.endswith((".setter", ".deleter")) for name in self.decorators)

    @property
    def is_overload(self) -> bool:
        """Whether it only declares a signature of the function that follows."""
        return any(name.rpartition(".")[2] == "overload" for name in self.decorators)

    @property
    def is_abstract(self) -> bool:
        """Whether subclasses must replace it."""
        return any("abstract" in name.rpartition(".")[2] for name in self.decorators)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFacts:
    """A class."""

    name: str
    owner: str | None
    span: Span
    bases: tuple[str, ...]  # source
    decorators: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    constructor: FunctionFacts | None  # `__init__`
    methods: tuple[str, ...]  # names of functions in its body
    num_statements: int


Facts = FunctionFacts | ClassFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFacts:
    """All definitions of a file in their order, inner ones behind the one around them."""

    definitions: tuple[Facts, ...]

    def around(self, point: Point) -> Facts | None:
        """Return the innermost definition around a place, decorators included."""
        found = None
        for facts in self.definitions:
            if facts.span.start <= point <= facts.span.end:
                found = facts
        return found
