"""From the facts about a function to what its comment says, in plain phrases."""

from dataclasses import replace
from typing import Final

from lsp_server.docstrings import phrases, summaries
from lsp_server.docstrings.comments.dialect import Dialect
from lsp_server.docstrings.content import Content, Entry, Section, SectionKind
from lsp_server.docstrings.facts import FunctionFacts, Parameter, ParameterKind, Raised
from lsp_server.docstrings.wording import code, listed, says_something

_MANY: Final = 3
_CONSTRUCTORS: Final = frozenset({"constructor", "__construct"})
_LITERALS: Final = {"true": "boolean", "false": "boolean"}
_QUOTES: Final = ("'", '"', "`")
_ROOM_OF_SIGNS: Final = 8  # columns of `@brief `, or of a full stop


def comment_content(facts: FunctionFacts, dialect: Dialect, room: int) -> Content:
    """Return the comment of plain phrases.

    Args:
        facts: of the function.
        dialect: JSDoc names types, since the code does not; Go's summary begins with the name.
        room: columns that the summary line may take.
    """
    sections = [
        Section(
            kind=SectionKind.PARAMETERS,
            entries=tuple(_parameter(one, facts, dialect) for one in facts.parameters),
        )
    ]
    if facts.returns_value:
        entry = Entry(name="", type=_any(facts), text=phrases.return_phrase(facts))
        sections.append(Section(kind=SectionKind.RETURNS, entries=(entry,)))
    if facts.is_generator:
        entry = Entry(name="", type="*", text=phrases.yield_phrase(facts))
        sections.append(Section(kind=SectionKind.YIELDS, entries=(entry,)))
    raises = tuple(Entry(name=one.name, text=_exception(one)) for one in facts.raises)
    sections.append(Section(kind=SectionKind.RAISES, entries=raises))
    candidates = go_summaries(facts) if dialect is Dialect.GODOC else _summaries(facts)
    fitting = (one for one in candidates if len(one) + _ROOM_OF_SIGNS <= room)
    return Content(
        summary=f"{next(fitting, candidates[-1])}.",
        sections=tuple(section for section in sections if section.entries),
    )


def go_summaries(facts: FunctionFacts) -> list[str]:
    """Return summaries in the third person, the name as their first word, the shortest last."""
    found = []
    value = summaries.only_value(facts)
    if value:
        found.append(f"{facts.name} returns {value}")
    found += [f"{facts.name} calls {text}" for text in summaries.called(facts)]
    taken = _taken(facts)
    if taken and facts.is_stub:
        found.append(f"{facts.name} takes {taken}")
    elif taken:
        found.append(f"{facts.name} works on {taken}")
    if facts.num_statements > 1:
        found.append(f"{facts.name} runs {facts.num_statements} statements")
    last = "is left to the implementation" if facts.is_stub else "does what its body says"
    return [*found, f"{facts.name} {last}"]


def _summaries(facts: FunctionFacts) -> list[str]:
    if facts.name in _CONSTRUCTORS or (facts.name and facts.name == facts.owner):
        facts = replace(facts, name="__init__")
    elif facts.name.startswith("~"):
        facts = replace(facts, name="release")
    if not facts.is_stub:
        return summaries.function_summaries(facts)
    lead, taken = summaries.imperative(facts), _taken(facts)
    names = [facts.name, facts.owner or "", facts.return_annotation or ""]
    found = [f"{lead} from {taken}", f"Take {taken}"] if taken else []
    found.append(f"{lead}, which is defined elsewhere")
    return [*(one for one in found if says_something(one, names)), "Defined elsewhere"]


def _taken(facts: FunctionFacts) -> str:
    named = [f"`{one.name}`" for one in facts.parameters if code(one.name)][:_MANY]
    return listed(named) if named else ""


def _parameter(parameter: Parameter, facts: FunctionFacts, dialect: Dialect) -> Entry:
    text = phrases.parameter_phrase(parameter, facts)
    if parameter.kind is ParameterKind.POSITIONAL_ONLY:
        text = "A type that the caller chooses."  # Java's type parameter
    elif parameter.name in {"options", "items"} and not parameter.uses and not facts.is_stub:
        text = "Taken apart by the signature."
    name, kind = parameter.name, ""
    if dialect is Dialect.JSDOC:
        kind = _type_of_literal(parameter.default)
        if parameter.kind is ParameterKind.VARIADIC:
            kind = "...*"
        elif parameter.default is not None:
            default = parameter.default
            is_short = code(default) is not None and "]" not in default
            name = f"[{name}={default}]" if is_short else f"[{name}]"
    return Entry(name=name, type=kind, text=text)


def _type_of_literal(default: str | None) -> str:
    """Return the type that a literal shows, `*` (any) where nothing does."""
    if default is None:
        return "*"
    if default in _LITERALS:
        return _LITERALS[default]
    if default[:1] in _QUOTES and default[-1:] in _QUOTES:
        return "string"
    return "number" if default.removeprefix("-").replace(".", "", 1).isdecimal() else "*"


def _any(facts: FunctionFacts) -> str:
    return "Promise<*>" if facts.is_async else "*"


def _exception(raised: Raised) -> str:
    if not raised.conditions:
        return "Passed on from what the body calls."
    return phrases.raise_phrase(raised)
