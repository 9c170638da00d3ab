"""Facts about Python definitions."""

import textwrap

from lsp_server.docstrings.facts import (
    ClassFacts,
    FunctionFacts,
    ModuleFacts,
    ParameterKind,
    UseKind,
)
from lsp_server.syntax.python_facts import read_facts


def _facts(source: str) -> ModuleFacts:
    facts = read_facts(textwrap.dedent(source))
    assert facts is not None
    return facts


def _function(source: str) -> FunctionFacts:
    found = _facts(source).definitions[0]
    assert isinstance(found, FunctionFacts)
    return found


def _raised(body: str, before: str = "") -> list[str]:
    function = f"def f(a):\n{textwrap.indent(textwrap.dedent(body), '    ')}"
    facts = _facts(textwrap.dedent(before) + function)
    last = facts.definitions[-1]
    assert isinstance(last, FunctionFacts)
    return [one.name for one in last.raises]


def test_every_kind_of_parameter_is_read() -> None:
    """Each kind has its annotation and default."""
    function = _function("def f(a, b: int = 2, /, c: str = 'x', *rest: T, d, e=None, **kw): pass")

    assert [
        (one.starred, one.kind, one.annotation, one.default) for one in function.parameters
    ] == [
        ("a", ParameterKind.POSITIONAL_ONLY, None, None),
        ("b", ParameterKind.POSITIONAL_ONLY, "int", "2"),
        ("c", ParameterKind.POSITIONAL, "str", "'x'"),
        ("*rest", ParameterKind.VARIADIC, "T", None),
        ("d", ParameterKind.KEYWORD_ONLY, None, None),
        ("e", ParameterKind.KEYWORD_ONLY, None, "None"),
        ("**kw", ParameterKind.KEYWORDS, None, None),
    ]


def test_a_bare_star_makes_what_follows_keyword_only() -> None:
    """It is no parameter itself."""
    function = _function("def f(a, *, b): pass")

    assert [one.kind for one in function.parameters] == [
        ParameterKind.POSITIONAL,
        ParameterKind.KEYWORD_ONLY,
    ]


def test_the_receiver_of_a_method_is_no_parameter() -> None:
    """Neither `self` nor `cls`; a static method has none."""
    facts = _facts("""
        class C:
            def m(self, a): pass
            @classmethod
            def c(cls, b): pass
            @staticmethod
            def s(self, d): pass
        def f(self, e): pass
        """)
    names = [
        [parameter.name for parameter in one.parameters]
        for one in facts.definitions
        if isinstance(one, FunctionFacts)
    ]

    assert names == [["a"], ["b"], ["self", "d"], ["self", "e"]]


def test_a_caught_exception_is_not_raised() -> None:
    """By its own name, by a base class, by all handlers, or suppressed."""
    assert _raised("try:\n    raise KeyError\nexcept KeyError:\n    pass") == []
    assert _raised("try:\n    raise KeyError\nexcept (OSError, LookupError):\n    pass") == []
    assert _raised("try:\n    raise BarError\nexcept Exception:\n    pass") == []
    assert _raised("try:\n    raise KeyError\nexcept:\n    pass") == []
    assert _raised("with suppress(KeyError):\n    raise KeyError") == []
    assert _raised("try:\n    raise KeyError\nexcept OSError:\n    pass") == ["KeyError"]
    assert _raised("try:\n    pass\nexcept OSError:\n    raise KeyError") == ["KeyError"]
    assert _raised("try:\n    pass\nexcept KeyError:\n    pass\nelse:\n    raise KeyError") == [
        "KeyError"
    ]


def test_a_handler_that_raises_again_lets_out_what_it_has_caught() -> None:
    """The first that catches decides, and what an inner handler raises again is not its own."""
    body = "try:\n    raise KeyError\nexcept {0}:\n    log()\n    {1}"
    again = "try:\n        g()\n    except OSError:\n        raise"
    assert _raised(body.format("Exception", "raise")) == ["KeyError", "Exception"]
    assert _raised(body.format("Exception as e", "raise e")) == ["KeyError", "Exception"]
    assert _raised(body.format("Exception", again)) == ["OSError"]
    assert _raised(body.format("KeyError", "pass\nexcept LookupError:\n    raise")) == [
        "LookupError"
    ]


def test_an_exception_let_out_again_is_raised() -> None:
    """By a bare raise and by the handler's name."""
    assert _raised("try:\n    g()\nexcept KeyError:\n    raise") == ["KeyError"]
    assert _raised("try:\n    g()\nexcept (KeyError, OSError) as e:\n    raise e") == [
        "KeyError",
        "OSError",
    ]


def test_what_only_running_would_tell_is_not_named() -> None:
    """A parameter, a function's result, an element."""
    assert _raised("raise a") == []
    assert _raised("raise make()") == []
    assert _raised("raise make", before="def make(): pass\n") == []
    assert _raised("raise errors[0]") == []


def test_names_of_exceptions_are_followed() -> None:
    """Through calls, methods of calls, variables and modules."""
    assert _raised("raise ValueError('x') from a") == ["ValueError"]
    assert _raised("raise ValueError('x').with_traceback(a)") == ["ValueError"]
    assert _raised("e = KeyError()\nraise e") == ["KeyError"]
    assert _raised("raise errors.BadInput") == ["errors.BadInput"]
    assert _raised("raise zlib.error", before="import zlib\n") == ["zlib.error"]
    assert _raised("raise local", before="class local(Exception): pass\n") == ["local"]


def test_nested_functions_keep_their_own() -> None:
    """What an inner function returns, yields and raises is not the outer one's."""
    function = _function("""
        def f():
            def g():
                yield 1
                raise KeyError
            class C:
                def h(self):
                    return 2
            return lambda: (yield)
        """)

    assert function.raises == ()
    assert not function.is_generator
    assert function.returns == ("lambda: (yield)",)


def test_conditions_and_messages_of_exceptions() -> None:
    """The innermost `if`, and an `else` of a lone `if` turned round."""
    function = _function("""
        def f(a):
            if a < 0:
                raise ValueError("too small")
            else:
                raise ValueError(f"got {a} here")
        """)
    (raised,) = function.raises

    assert raised.conditions == ("a < 0", "not (a < 0)")
    assert raised.messages == ("too small", "got ... here")


def test_returns_of_none_alone_are_no_value() -> None:
    """`return` and `return None`."""
    assert not _function("def f(a):\n    return None").returns_value
    assert not _function("def f(a):\n    return").returns_value
    assert _function("def f(a):\n    if a:\n        return None\n    return 0").returns_value


def test_decorators_decide_what_a_function_is() -> None:
    """Property, its setter, overload, abstract."""
    facts = _facts("""
        class C:
            @functools.cached_property
            def p(self): return 1
            @p.setter
            def p(self, value): pass
            @typing.overload
            def o(self): ...
            @abc.abstractmethod
            def a(self): ...
        """)
    functions = [one for one in facts.definitions if isinstance(one, FunctionFacts)]

    assert [one.is_property for one in functions] == [True, False, False, False]
    assert [one.is_accessor for one in functions] == [False, True, False, False]
    assert [one.is_overload for one in functions] == [False, False, True, False]
    assert [one.is_abstract for one in functions] == [False, False, False, True]
    assert [one.is_stub for one in functions] == [False, True, True, True]


def test_uses_of_parameters() -> None:
    """What the body does with each."""
    function = _function("""
        def f(self, a, b, c, d):
            self.a = a
            if b == 3:
                open(c, mode=b)
            d.close()
            other.a = 1
            g(d=1)
        """)
    kinds = {
        one.name: [(use.kind, use.detail, use.keyword) for use in one.uses]
        for one in function.parameters
    }

    assert kinds["a"] == [(UseKind.STORED, "self.a", "")]
    assert kinds["b"] == [(UseKind.COMPARED, "b == 3", ""), (UseKind.PASSED, "open", "mode")]
    assert kinds["c"] == [(UseKind.PASSED, "open", "")]
    assert kinds["d"] == [(UseKind.MEMBER, "close", "")]


def test_what_callers_pass_is_known() -> None:
    """By place and by name, in the same file."""
    function = _function("def f(a, b): pass\nf(1, b=x)\nf(2, 3)\nf(*many)")

    assert [one.passed for one in function.parameters] == [("1", "2"), ("x", "3")]


def test_class_attributes_and_constructor() -> None:
    """Names bound by the body, the first binding counts."""
    (found, *_) = _facts("""
        @dataclass
        class C(Base, metaclass=M):
            \"\"\"Doc.\"\"\"
            a: int
            b: str = "x"
            c = 3
            d.e = 4
            def __init__(self, a): pass
        """).definitions
    assert isinstance(found, ClassFacts)

    assert found.bases == ("Base",)
    assert [(one.name, one.annotation, one.default) for one in found.attributes] == [
        ("a", "int", None),
        ("b", "str", '"x"'),
        ("c", None, "3"),
    ]
    assert found.constructor is not None
    assert found.span.docstring is not None


def test_a_syntax_error_elsewhere_does_not_matter() -> None:
    """A broken function before does not hide the next one."""
    facts = _facts("def broken(:\n    x = (\n\n\ndef f(a):\n    return a\n")

    assert [one.name for one in facts.definitions if one.name == "f"] == ["f"]


def test_points_count_code_points() -> None:
    """Also behind characters of several bytes."""
    facts = _facts("größe = '😋'; x = 1\ndef grün(è): return è\n").definitions[0]

    assert facts.name == "grün"
    assert facts.span.header_end == (1, 12)
    assert facts.span.body == (1, 13)
    assert facts.span.body_is_inline


def test_a_continued_header_has_its_body_inline() -> None:
    """A backslash joins lines."""
    assert _function("def f(): \\\n    return 1").span.body_is_inline
    assert not _function("def f():\n    return 1").span.body_is_inline
