"""Finds docstrings that their function has left behind, and brings them up to date.

Without knowledge of an earlier version only this counts: the docstring describes a parameter that
does not exist. That a parameter or an exception is missing from a docstring, or that an exception
is none of the body's own, is common in docstrings that nobody has left behind: it counts where an
earlier version of the function shows that it has changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lsp_server.docstrings import phrases
from lsp_server.docstrings.content import Entry, SectionKind
from lsp_server.docstrings.facts import FunctionFacts, Parameter, ParameterKind
from lsp_server.docstrings.skeleton import said_type
from lsp_server.docstrings.styles.layout import Layout
from lsp_server.docstrings.styles.reading import Name, ReadDocstring, ReadEntry, read_docstring
from lsp_server.docstrings.styles.writing import STYLES

_RECEIVERS: Final = frozenset({"self", "cls"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """What a docstring says and the function does not, and the other way round."""

    renamed: tuple[tuple[str, Parameter], ...] = ()  # what it is called there, what it is now
    removed: tuple[str, ...] = ()  # described and not there
    added: tuple[Parameter, ...] = ()  # there and not described
    no_longer_raised: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.renamed or self.removed or self.added or self.no_longer_raised)

    @property
    def message(self) -> str:
        """A sentence for a diagnostic."""
        parts = [f"`{old}` is now `{new.starred}`" for old, new in self.renamed]
        parts += [f"there is no parameter `{name}`" for name in self.removed]
        parts += [f"`{one.starred}` is not described" for one in self.added]
        parts += [f"`{name}` is no longer raised" for name in self.no_longer_raised]
        return f"The docstring is out of date: {'; '.join(parts)}."


def find_stale(
    facts: FunctionFacts, literal: str, earlier: FunctionFacts | None = None
) -> Staleness:
    """Return how a docstring and its function differ.

    Args:
        facts: of the function as it is.
        literal: its docstring's source, LF line ends.
        earlier: the same function when its docstring was last taken for true; None if unknown.
    """
    read = read_docstring(literal)
    described = [_bare(name) for name in read.named(SectionKind.PARAMETERS)]
    described = [name for name in described if name not in _RECEIVERS]
    names = [one.name for one in facts.parameters]
    takes_any = any(one.kind is ParameterKind.KEYWORDS for one in facts.parameters)
    gone = [name for name in dict.fromkeys(described) if name not in names]
    if takes_any:  # the names of keywords may be described too, unless they were parameters
        old = () if earlier is None else [one.name for one in earlier.parameters]
        gone = [name for name in gone if name in old]
    new = _new_parameters(facts, described, earlier, changed=bool(gone))
    renamed = _renamed(gone, new, facts, described, earlier)
    taken = [parameter.name for _, parameter in renamed]
    left = [old for old, _ in renamed]
    return Staleness(
        renamed=renamed,
        removed=tuple(name for name in gone if name not in left),
        added=tuple(one for one in new if one.name not in taken) if described else (),
        no_longer_raised=_no_longer_raised(read, facts, earlier),
    )


def updated(facts: FunctionFacts, literal: str, staleness: Staleness, layout: Layout) -> str:
    """Return the docstring brought up to date; every other line of it stays as it is.

    Args:
        facts: of the function.
        literal: the docstring's source, LF line ends.
        staleness: what is to be changed.
        layout: for new entries.
    """
    lines = literal.split("\n")
    names = {old: parameter.name for old, parameter in staleness.renamed}
    read = read_docstring(literal)
    for entry in read.entries:
        if entry.kind is SectionKind.PARAMETERS:
            lines[entry.first] = _with_names(lines[entry.first], entry.names, names)
    literal = _without(lines, SectionKind.PARAMETERS, staleness.removed)
    literal = _without(literal.split("\n"), SectionKind.RAISES, staleness.no_longer_raised)
    for parameter in staleness.added:
        literal = _with_parameter(facts, literal, parameter, layout)
    return literal


def _bare(name: str) -> str:
    return name.lstrip("*")


def _new_parameters(
    facts: FunctionFacts, described: Sequence[str], earlier: FunctionFacts | None, *, changed: bool
) -> list[Parameter]:
    """Return the parameters that are not described and count as new."""
    missing = [one for one in facts.parameters if one.name not in described]
    if earlier is not None:
        old = {one.name for one in earlier.parameters}
        return [one for one in missing if one.name not in old]
    return missing if changed else []


def _renamed(
    gone: list[str],
    new: list[Parameter],
    facts: FunctionFacts,
    described: list[str],
    earlier: FunctionFacts | None,
) -> tuple[tuple[str, Parameter], ...]:
    """Pair names that are gone with new ones at the same place."""
    order = described if earlier is None else [one.name for one in earlier.parameters]
    pairs = []
    left = list(new)
    for name in gone:
        place = order.index(name) if name in order else -1
        here = facts.parameters[place] if 0 <= place < len(facts.parameters) else None
        if here in left and here is not None:
            left.remove(here)
            pairs.append((name, here))
    if not pairs and len(gone) == len(new) == 1:
        pairs = [(gone[0], new[0])]
    return tuple(pairs)


def _no_longer_raised(
    read: ReadDocstring, facts: FunctionFacts, earlier: FunctionFacts | None
) -> tuple[str, ...]:
    if earlier is None:
        return ()
    then = {one.name.rpartition(".")[2] for one in earlier.raises}
    now = {one.name.rpartition(".")[2] for one in facts.raises}
    named = dict.fromkeys(read.named(SectionKind.RAISES))
    return tuple(name for name in named if name.rpartition(".")[2] in then - now)


def _with_names(line: str, names: Sequence[Name], new: dict[str, str]) -> str:
    for name in reversed(names):
        bare = _bare(name.text)
        if bare in new:
            start = name.end - len(bare)  # stars and backslashes stay
            line = line[:start] + new[bare] + line[name.end :]
    return line


def _without(lines: list[str], kind: SectionKind, names: Sequence[str]) -> str:
    """Return a docstring without some names, and without a section that has no more."""
    unwanted = {_bare(name) for name in names}
    read = read_docstring("\n".join(lines))
    entries = [entry for entry in read.entries if entry.kind is kind and entry.names]
    dropped = [one for one in entries if {_bare(name.text) for name in one.names} <= unwanted]
    for entry in entries:
        if entry not in dropped:
            lines[entry.first] = _without_names(lines[entry.first], entry.names, unwanted)
    spans = [(entry.first, entry.end) for entry in dropped]
    for section in read.sections:
        inside = [one for one in entries if section.first <= one.first < section.end]
        is_header = bool(inside) and inside[0].first > section.first
        if section.kind is kind and is_header and all(one in dropped for one in inside):
            # Its entries' lines are gone with it: what follows must not move before that.
            spans = [span for span in spans if not section.first <= span[0] < section.end]
            spans.append((section.first, section.end))
    for first, end in sorted(spans, reverse=True):
        _drop(lines, first, end)
    return "\n".join(lines)


def _drop(lines: list[str], first: int, end: int) -> None:
    """Take lines out; not the closing quotes behind them, nor one of two blank lines too many."""
    end = min(end, len(lines) - 1)
    if first >= end:
        return
    blank_above = not lines[first - 1].strip()
    blank_below = not lines[end].strip() or end == len(lines) - 1
    del lines[first:end]
    if blank_above and blank_below and first > 1:
        del lines[first - 1]


def _without_names(line: str, names: Sequence[Name], unwanted: set[str]) -> str:
    kept = [name for name in names if _bare(name.text) not in unwanted]
    if len(kept) == len(names) or not kept:
        return line
    text = ", ".join(line[name.start : name.end] for name in kept)
    return line[: names[0].start] + text + line[names[-1].end :]


def _with_parameter(
    facts: FunctionFacts, literal: str, parameter: Parameter, layout: Layout
) -> str:
    """Return a docstring with an entry for a parameter, behind that of the one before it."""
    read = read_docstring(literal)
    lines = literal.split("\n")
    entries = [one for one in read.entries if one.kind is SectionKind.PARAMETERS]
    if not entries or read.style is None:
        return literal
    order = [one.name for one in facts.parameters]
    before = order[: order.index(parameter.name)]
    above = [one for one in entries if {_bare(name.text) for name in one.names} & set(before)]
    at = above[-1].end if above else _first(entries)
    entry = Entry(
        name=parameter.starred,
        type=said_type(parameter.annotation or ""),
        text=phrases.parameter_phrase(parameter, facts),
    )
    written: list[str] = STYLES[read.style].entry_lines(SectionKind.PARAMETERS, entry, layout)
    beside = lines[(above[-1] if above else entries[0]).first]
    # As deep as its neighbour, wherever that stands.
    own = written[0][: len(written[0]) - len(written[0].lstrip())]
    indent = beside[: len(beside) - len(beside.lstrip())].removesuffix(own)
    new = [indent + line if line else "" for line in written]
    if at == len(lines):  # the closing quotes stand behind the last entry
        last = lines[-1]
        quotes = last[len(last.rstrip("\"'")) :][-3:]
        lines[-1] = last.removesuffix(quotes).rstrip()
        new.append(indent + quotes)
    lines[at:at] = new
    return "\n".join(lines)


def _first(entries: Sequence[ReadEntry]) -> int:
    return min(entry.first for entry in entries)
