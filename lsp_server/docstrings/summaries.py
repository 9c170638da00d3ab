"""Plain summary lines: what the body does, in the imperative, from the code alone."""

from typing import Final

from lsp_server.docstrings.facts import ClassFacts, FunctionFacts
from lsp_server.docstrings.wording import code, listed, says_something, words_of

_MANY: Final = 3
_SHORT: Final = 48  # characters of source that a summary quotes
# First words of names that are verbs as they stand.
VERBS: Final = frozenset(
    """accept add append apply assert attach begin build call cancel change check choose clean clear
    close collect compare compile compute configure connect convert copy count create decode define
    delete describe detach determine disable discard dispatch display download draw drop dump emit
    enable encode ensure enter escape evaluate execute exit expand export extend extract fetch fill
    filter find finish fit flush format freeze gather generate get give grow guess handle hide
    import infer initialize insert inspect install invoke iterate join keep kill launch list load
    lock log look lookup make map mark match measure merge move normalize notify open pack parse
    patch pick pop prepare print process produce prune publish pull push put quote raise read
    rebuild receive record reduce refresh register release reload remove rename render replace
    report request require reset resize resolve restore resume retrieve return rewrite rotate run
    save scale scan schedule search select send serialize serve set setup show shuffle skip sleep
    sort split start stop store strip submit subtract sum swap switch sync take tell test toggle
    track train transform translate trim truncate try unpack unregister update upload use validate
    verify visit wait walk warn wrap write yield""".split()  # noqa: SIM905 - a list of words
)
_BUILTIN_CALLS: Final = frozenset(
    """super isinstance issubclass len print str int float bool list dict set tuple getattr setattr
    hasattr type repr range zip map enumerate sorted min max any all iter next id""".split()  # noqa: SIM905
)
_TWO_WORDS: Final = {"setup": "set up"}  # the noun is no command
_QUESTIONS: Final = frozenset({"is", "has", "can", "should", "needs", "was"})
# How names begin that are no commands, and what makes a command of them.
_OPENINGS: Final = (
    (_QUESTIONS, "Tell whether it"),
    (frozenset({"to", "as"}), "Convert"),
    (frozenset({"on", "when"}), "React"),
)
_MAGIC: Final = {
    "__init__": "Set up",
    "__repr__": "Describe it for developers",
    "__str__": "Write it as text",
    "__len__": "Count what it holds",
    "__iter__": "Go through what it holds",
    "__enter__": "Begin a `with` block",
    "__exit__": "End a `with` block",
    "__aenter__": "Begin an `async with` block",
    "__aexit__": "End an `async with` block",
    "__eq__": "Compare for equality",
    "__hash__": "Hash by what counts for equality",
    "__getitem__": "Look up by index or key",
    "__setitem__": "Set by index or key",
    "__delitem__": "Delete by index or key",
    "__contains__": "Test for membership",
    "__call__": "Act when called like a function",
    "__getattr__": "Look up an attribute that is not found elsewhere",
    "__new__": "Make a new instance",
    "__bool__": "Tell its truth",
}


def function_summaries(facts: FunctionFacts) -> list[str]:
    """Return summaries without a full stop, the most telling first, the shortest last."""
    found = []
    lead = imperative(facts)
    names = [facts.name, facts.owner or "", facts.return_annotation or ""]
    value = only_value(facts)
    if facts.is_property:
        found += [f"The value of {value}"] if value else []
        found += [f"What is made by {text}" for text in called(facts)]
        found.append("Computed when it is read")
        return found
    if facts.is_stub:
        found.append(f"{lead}, left to subclasses" if facts.owner else f"{lead}, not done here")
        found.append("Leave the work to subclasses" if facts.owner else "Do nothing yet")
        return found
    if value:
        is_doubled = lead.startswith("Return ")
        found.append(f"{lead}, {value}" if is_doubled else f"{lead} by returning {value}")
        found.append(f"Return {value}")
    calls = called(facts)
    found += [f"{lead} by calling {text}" for text in calls]
    found += [f"Call {text}" for text in calls]
    sets = [f"`{name}`" for name in facts.sets[:_MANY]]
    if sets:
        found.append(f"{lead}, setting {listed(sets)}")
        found.append(f"Set {listed(sets)}")
    if facts.raises and not calls:
        found.append(f"Raise {listed([f'`{one.name}`' for one in facts.raises[:_MANY]], 'or')}")
    taken = [f"`{parameter.name}`" for parameter in facts.parameters[:_MANY]]
    if taken:
        found.append(f"{lead} from {listed(taken)}")
        found.append(f"Work on {listed(taken)}")
    if facts.num_statements > 1:
        found.append(f"Run {facts.num_statements} statements")
    found = [text for text in found if text and says_something(text, names)]
    return [*found, "Do what the body says"]


def class_summaries(facts: ClassFacts) -> list[str]:
    """Return summaries without a full stop, the most telling first, the shortest last."""
    found = []
    words = " ".join(words_of(facts.name)).capitalize()
    names = [facts.name]
    bases = [text for base in facts.bases if (text := code(base)) and len(base) <= _SHORT]
    if any(base.rpartition(".")[2].endswith(("Error", "Exception")) for base in facts.bases):
        found.append(f"{words}, raised as a kind of {listed(bases[:_MANY], 'or')}")
    attributes = [f"`{one.name}`" for one in facts.attributes[:_MANY]]
    methods = [f"`{name}`" for name in facts.methods if not name.startswith("_")][:_MANY]
    if attributes:
        found.append(f"{words} with {listed(attributes)}")
        found.append(f"Holds {listed(attributes)}")
    if methods:
        found.append(f"{words} with the methods {listed(methods)}")
        found.append(f"Offers {listed(methods)}")
    if bases:
        found.append(f"{words}, a kind of {listed(bases[:_MANY])}")
        found.append(f"A kind of {bases[0]}")
    return [
        *(text for text in found if says_something(text, names)),
        "Groups what belongs together",
    ]


def imperative(facts: FunctionFacts) -> str:
    """Return the words of the name as an imperative."""
    if facts.name in _MAGIC:
        return _MAGIC[facts.name]
    words = words_of(facts.name)
    text = " ".join(words)
    first = words[0] if words else ""
    if first in VERBS:
        return _TWO_WORDS.get(first, first).capitalize() + text[len(first) :]
    for heads, opening in _OPENINGS:
        if first in heads and (len(words) > 1 or first in _QUESTIONS):
            return f"{opening} {text}"
    if facts.is_generator:
        return f"Yield {text}"
    return f"{'Return' if facts.returns_value else 'Run'} {text}"


def only_value(facts: FunctionFacts) -> str:
    """Return the only value that a function returns, if it is short and no mere name."""
    if len(facts.returns) != 1 or facts.returns == ("None",):
        return ""
    value = facts.returns[0]
    if len(value) > _SHORT or value.isidentifier():
        return ""
    return code(value) or ""


def called(facts: FunctionFacts) -> list[str]:
    """Return what a function calls as enumerations, the longest first."""
    names = [
        name
        for name in facts.calls
        if name not in _BUILTIN_CALLS and not name.endswith(("Error", "Exception")) and code(name)
    ]
    counts = (count for count in (_MANY, 2, 1) if len(names) >= count)
    return [listed([f"`{name}`" for name in names[:count]]) for count in counts]
