"""From facts to a docstring's skeleton: each thing that must be described, with a plain phrase."""

import ast
import re
from collections.abc import Sequence
from typing import Final

from lsp_server.docstrings import phrases, summaries
from lsp_server.docstrings.content import Content, Entry, Section, SectionKind, Style
from lsp_server.docstrings.facts import ClassFacts, Facts, FunctionFacts, Parameter, Raised

_UNKNOWN: Final = "object"  # what every value is
_ITERATED: Final = ("Iterator", "Iterable", "Generator", "AsyncIterator", "AsyncIterable")
_ASYNC_GENERATOR: Final = "AsyncGenerator"
_NO_VALUE: Final = frozenset({"None", "NoReturn", "Never"})
_EVERYTHING: Final = frozenset({"Exception", "BaseException"})
_DEFAULT_TYPES: Final = (bool, str, float)
_ANNOTATED: Final = re.compile(r"(?:\w+\.)?Annotated\[")
_TRIPLE_QUOTES: Final = ('"""', "'''")
_QUOTE: Final = 8  # columns of quotes, full stop and an `r`, less than two of them spared


def skeleton(facts: Facts, style: Style, room: int) -> Content:
    """Return the docstring of plain phrases.

    Args:
        facts: of the function or class.
        style: numpy's names the types, and its class docstring the constructor's parameters.
        room: columns that the summary line may take.
    """
    if isinstance(facts, ClassFacts):
        return _of_class(facts, style, room)
    sections = [
        Section(
            kind=SectionKind.PARAMETERS,
            entries=tuple(_parameter(one, facts, style) for one in facts.parameters),
        )
    ]
    if returns_documented(facts):
        entry = Entry(name="", type=_return_type(facts, style), text=phrases.return_phrase(facts))
        sections.append(Section(kind=SectionKind.RETURNS, entries=(entry,)))
    if facts.is_generator:
        entry = Entry(name="", type=_yield_type(facts, style), text=phrases.yield_phrase(facts))
        sections.append(Section(kind=SectionKind.YIELDS, entries=(entry,)))
    raises = tuple(
        Entry(name=name, text=phrases.raise_phrase(one))
        for name, one in described_exceptions(facts, style)
    )
    sections.append(Section(kind=SectionKind.RAISES, entries=raises))
    return Content(
        summary=_fitting(summaries.function_summaries(facts), room),
        sections=tuple(section for section in sections if section.entries),
    )


def described_exceptions(facts: FunctionFacts, style: Style) -> list[tuple[str, Raised]]:
    """Return the exceptions that a docstring describes, as it names them, in their order.

    What a file calls a module says nothing to its readers, and ruff (google, numpy) does not know
    it; pydoclint compares the names as they are written. That a handler of everything lets
    everything out again says nothing either, and to ruff it is no exception of the function's.
    """
    if style is Style.SPHINX:
        return [(one.name, one) for one in facts.raises]
    tails = [one.name.rpartition(".")[2] for one in facts.raises]
    return [
        (tail if one.is_aliased and tails.count(tail) == 1 else one.name, one)
        for one, tail in zip(facts.raises, tails, strict=True)
        if not (one.name in _EVERYTHING and one.name in one.caught)
    ]


def returns_documented(facts: FunctionFacts) -> bool:
    """Tell whether what a function returns has a section of its own."""
    declared = (facts.return_annotation or "").rpartition(".")[2]
    if facts.is_property or declared in _NO_VALUE:
        return False
    if facts.is_generator and is_iterated(facts.return_annotation):
        return facts.returns_value and _generator_returns(facts.return_annotation or "")
    # What a stub is declared to return, its implementations do.
    return facts.returns_value or (facts.is_stub and facts.return_annotation is not None)


def _of_class(facts: ClassFacts, style: Style, room: int) -> Content:
    attributes = tuple(
        Entry(name=one.name, type=one.annotation or "", text=phrases.attribute_phrase(one))
        for one in facts.attributes
        if not one.name.startswith("_")
    )
    sections = [Section(kind=SectionKind.ATTRIBUTES, entries=attributes)]
    constructor = facts.constructor
    if style is Style.NUMPY and constructor is not None and constructor.span.docstring is None:
        entries = tuple(_parameter(one, constructor, style) for one in constructor.parameters)
        sections.insert(0, Section(kind=SectionKind.PARAMETERS, entries=entries))
    return Content(
        summary=_fitting(summaries.class_summaries(facts), room),
        sections=tuple(section for section in sections if section.entries),
    )


def _fitting(candidates: Sequence[str], room: int) -> str:
    """Return the first summary that fits on its line, else the last."""
    for candidate in candidates:
        # Styles may double the backticks.
        if len(candidate) + candidate.count("`") + _QUOTE <= room:
            return f"{candidate}."
    return f"{candidates[-1]}."


def _parameter(parameter: Parameter, facts: FunctionFacts, style: Style) -> Entry:
    kind = said_type(parameter.annotation or "")
    if style is Style.NUMPY:
        kind = kind or _type_of_default(parameter.default)
        if kind and parameter.default is not None:
            kind += ", optional"
    return Entry(name=parameter.starred, type=kind, text=phrases.parameter_phrase(parameter, facts))


def said_type(annotation: str) -> str:
    """Return a type without what is told to programs; "" where it cannot stand in a docstring."""
    if _ANNOTATED.match(annotation):
        annotation = split_arguments(annotation)[0]
    return "" if any(quotes in annotation for quotes in _TRIPLE_QUOTES) else annotation


def _type_of_default(default: str | None) -> str:
    """Return the type that a literal default shows; an integer may stand for any number."""
    try:
        value = ast.literal_eval(default or "")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return type(value).__name__ if isinstance(value, _DEFAULT_TYPES) else ""


def _return_type(facts: FunctionFacts, style: Style) -> str:
    annotation = said_type(facts.return_annotation or "")
    if facts.is_generator and is_iterated(annotation):
        annotation = split_arguments(annotation)[-1]
    if style is not Style.NUMPY:
        return annotation
    return annotation.strip("\"'") or _type_of_values(facts)


def _type_of_values(facts: FunctionFacts) -> str:
    kinds = {_kind_of_value(value, facts) for value in facts.returns}
    if "" in kinds:
        return _UNKNOWN
    return " or ".join(sorted(kinds, key=lambda kind: (kind == "None", kind)))


def _kind_of_value(value: str, facts: FunctionFacts) -> str:
    if value == "self" and facts.owner:
        return facts.owner
    if value.startswith(('f"', "f'")):
        return "str"
    try:
        made = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return "None" if made is None else type(made).__name__


def _yield_type(facts: FunctionFacts, style: Style) -> str:
    annotation = (facts.return_annotation or "").strip("\"'")
    if is_iterated(annotation):
        return split_arguments(annotation)[0]
    return _UNKNOWN if style is Style.NUMPY else ""


def is_iterated(annotation: str | None) -> bool:
    """Tell whether an annotation is that of a generator, or of what one may stand for."""
    head, bracket, _ = (annotation or "").strip("\"'").partition("[")
    return bool(bracket) and head.rpartition(".")[2] in {*_ITERATED, _ASYNC_GENERATOR}


def _generator_returns(annotation: str) -> bool:
    head = annotation.strip("\"'").partition("[")[0].rpartition(".")[2]
    arguments = split_arguments(annotation)
    return head == "Generator" and len(arguments) == 3 and arguments[-1] not in _NO_VALUE  # noqa: PLR2004


def split_arguments(annotation: str) -> list[str]:
    """Return what stands between the outer brackets of a type, split at its commas."""
    inner = annotation.strip("\"'").partition("[")[2].rpartition("]")[0]
    parts, depth = [""], 0
    for sign in inner:
        depth += (sign in "[(") - (sign in "])")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]
