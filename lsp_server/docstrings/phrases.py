"""Plain descriptions made from the code alone: what becomes of a parameter, when it raises."""

from typing import Final

from lsp_server.docstrings.facts import (
    Attribute,
    FunctionFacts,
    Parameter,
    ParameterKind,
    Raised,
    Use,
    UseKind,
)
from lsp_server.docstrings.wording import code, listed, says_something

_SHORT: Final = 60  # characters of source that are quoted
_MANY: Final = 3  # things that are listed
_ORDER: Final = list(UseKind)
_TEMPLATES: Final = {
    UseKind.STORED: "kept as {}",
    UseKind.COMPARED: "tested by {}",
    UseKind.CHECKED: "checked to be of {}",
    UseKind.CALLED: "called as {}",
    UseKind.ITERATED: "iterated over, each item as {}",
    UseKind.INDEXED: "indexed as {}",
    UseKind.INDEX: "picks from {}",
}
# Kinds that say something even where there is nothing short to quote.
_WITHOUT_DETAIL: Final = {
    UseKind.ENTERED: ("entered as a context manager", "entered as a context manager"),
    UseKind.AWAITED: ("awaited", "awaited"),
    UseKind.DECIDES: ("decides about {}", "decides what is done"),
    UseKind.CALCULATED: ("goes into {}", "goes into a calculation"),
    UseKind.SHOWN: ("shown in a text", "shown in a text"),
    UseKind.READ: ("read by the body", "read by the body"),
}


def parameter_phrase(parameter: Parameter, facts: FunctionFacts) -> str:
    """Return what the body does with a parameter, and what it is if it is left out."""
    said = _said(parameter, facts)
    sentence = said[:1].upper() + said[1:]
    default = _quoted(parameter.default)
    if default is not None:
        sentence += f"; {default} by default"
    elif parameter.passed and not parameter.uses:
        values = [value for one in parameter.passed if (value := _quoted(one)) is not None]
        if values:
            sentence += f"; callers pass {listed(values, 'or')}"
    return f"{sentence}."


def _said(parameter: Parameter, facts: FunctionFacts) -> str:
    uses = sorted(parameter.uses, key=lambda use: _ORDER.index(use.kind))
    phrases = (_use_phrase(use, uses) for use in uses)
    said = next((phrase for phrase in phrases if phrase), "")
    if said:
        return said
    if facts.is_stub or facts.is_overload or facts.is_abstract:
        return "left to the implementation"
    if uses:
        return "read by the body"
    if parameter.kind is ParameterKind.VARIADIC:
        return "further positional arguments, taken and not used"
    if parameter.kind is ParameterKind.KEYWORDS:
        return "further keyword arguments, taken and not used"
    return "taken and not used"


def _use_phrase(use: Use, uses: list[Use]) -> str:
    """Return what one use says, "" if it is too long to be quoted."""
    detail = _quoted(use.detail)
    if use.kind in _WITHOUT_DETAIL:
        with_detail, without = _WITHOUT_DETAIL[use.kind]
        return with_detail.format(detail) if detail else without
    if detail is None:
        return ""
    if use.kind in _TEMPLATES:
        return _TEMPLATES[use.kind].format(detail)
    if use.kind is UseKind.RETURNED:
        return "returned as it is" if " " not in use.detail[7:] else f"part of {detail}"
    same = dict.fromkeys(f"`{one.detail}`" for one in uses if one.kind is use.kind)
    names = [name for name in same if _quoted(name[1:-1])][:_MANY]
    if use.kind is UseKind.PASSED:
        keyword = f" as `{use.keyword}`" if use.keyword else ""
        return f"passed to {detail if keyword else listed(names)}{keyword}"
    return f"its {listed(names)} {'is' if len(names) == 1 else 'are'} used"


def raise_phrase(raised: Raised) -> str:
    """Return when an exception is raised."""
    conditions = [text for one in raised.conditions if (text := _quoted(one)) is not None]
    conditions = list(dict.fromkeys(conditions))
    if conditions and len(conditions) <= _MANY and all(raised.conditions):
        return f"If {listed(conditions, 'or')}."
    messages = [text for one in raised.messages if (text := _sentence(one)) is not None]
    if messages:
        return f'Says "{messages[0]}".'
    if raised.caught:
        caught = [f"`{name}`" for name in raised.caught[:_MANY]]
        return f"Passed on when {listed(caught, 'or')} is caught."
    if conditions:
        return f"If {conditions[0]}, and in other cases."
    if len(raised.conditions) > 1:
        return f"Raised in {len(raised.conditions)} places of the body."
    return "Raised by the body itself."


def return_phrase(facts: FunctionFacts) -> str:
    """Return what is returned."""
    values = [value for value in facts.returns if value != "None"]
    quoted = [text for one in values if (text := _quoted(one)) is not None]
    none = " or `None`" if len(values) < len(facts.returns) else ""
    if values and len(quoted) == len(values) <= _MANY:
        said = f"The value of {listed(quoted, 'or')}{none}."
        names = (facts.name, facts.owner or "", facts.return_annotation or "", "value")
        return said if says_something(said, names) else f"What the body makes as {quoted[0]}{none}."
    if quoted:
        return f"One of {len(values)} values, such as {quoted[0]}{none}."
    called = next((name for name in _called(values) if _quoted(name)), "")
    if called:
        return f"What `{called}` makes of it{none}."
    if facts.is_stub or facts.is_abstract:
        return "What the implementation makes."
    return "What the body has put together."


def yield_phrase(facts: FunctionFacts) -> str:
    """Return what is yielded."""
    quoted = [text for one in facts.yields if (text := _quoted(one)) is not None]
    if any(name.endswith("contextmanager") for name in facts.decorators):
        return f"{quoted[0]} for the `with` block." if quoted else "Control to the `with` block."
    if quoted and len(quoted) <= _MANY:
        return f"The value of {listed(quoted, 'or')}, one at a time."
    return "One item after the other."


def attribute_phrase(attribute: Attribute) -> str:
    """Return what a class binds an attribute to."""
    default = _quoted(attribute.default)
    if default is not None:
        return f"Set to {default} by the class."
    return "Set for each instance." if attribute.default is None else "Set by the class body."


def _quoted(source: str | None) -> str | None:
    if source is None or len(source) > _SHORT:
        return None
    return code(source)


def _sentence(message: str) -> str | None:
    message = message.strip().rstrip(".")
    is_plain = message.isprintable() and not any(sign in message for sign in '"`\\{}%')
    return message if is_plain and 0 < len(message) <= 2 * _SHORT else None


def _called(values: list[str]) -> list[str]:
    heads = (value.split("(")[0] for value in values if "(" in value)
    return [head for head in heads if head.replace(".", "").isidentifier()]
