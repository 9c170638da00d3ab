"""The model writes descriptions into a skeleton, one at a time, with the code in view.

What stands before a slot is the file with the docstring as far as it is written; what stands behind
is the code. So every prompt but the first goes on where the last one ended, and is mostly cached.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from inference import Completion, CompletionRequest
from lsp_server.context.around_cursor import PREFIX_CHARACTERS, SUFFIX_CHARACTERS
from lsp_server.docstrings.content import Content, Entry, Section, SectionKind
from lsp_server.docstrings.drafting import Draft
from lsp_server.docstrings.facts import ClassFacts
from lsp_server.docstrings.habits import text_between
from lsp_server.docstrings.sentences import description_of, summary_of
from lsp_server.docstrings.styles.writing import upto_slot
from lsp_server.engine_host import CompletionEngine

# Mean log-probability (nats a token) from which on a sentence is shown; fitted on repositories that
# no figure is quoted of.
LEAST_SUMMARY: Final = -1.3
LEAST_DESCRIPTION: Final = -0.8
_MAX_TOKENS: Final = 40
_MAX_SLOTS: Final = 12  # of one docstring; a function of 500 parameters keeps its plain phrases
_FILLED: Final = frozenset(
    {SectionKind.PARAMETERS, SectionKind.ATTRIBUTES, SectionKind.RETURNS, SectionKind.YIELDS}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """An engine, and what it is to know of the file."""

    engine: CompletionEngine
    path: str  # as the model sees it
    effort: float = 1.0


async def filled(
    drafted: Draft, model: Model, on_slot: Callable[[int, int], None] | None = None
) -> Draft:
    """Return a draft whose phrases are the model's where it was confident; cancelling ends it.

    Args:
        drafted: of plain phrases.
        model: what writes.
        on_slot: is told how many descriptions of how many are written.

    Raises:
        MixlineError: the model failed.
    """
    source, names = _source(drafted), _names(drafted)
    before, behind = _around(drafted)
    content = Content(summary="", sections=())
    wrote = await _write(model, drafted, before + upto_slot(drafted.style, drafted.layout), behind)
    summary = summary_of(wrote.text, source, names) if _sure(wrote, LEAST_SUMMARY) else None
    if summary is None or len(summary) + summary.count("`") + len('r"""."""') > drafted.layout.room:
        content = replace(content, summary=drafted.content.summary)
    else:
        content = replace(content, summary=f"{summary}.")
    slots, num_slots = 0, _num_slots(drafted)
    report = on_slot or _unseen
    report(1, num_slots + 1)
    for section in drafted.content.sections:
        content = replace(content, sections=(*content.sections, replace(section, entries=())))
        for plain in section.entries:
            entry = plain
            if section.kind in _FILLED and slots < _MAX_SLOTS:
                slots += 1
                start = upto_slot(drafted.style, drafted.layout, content, plain)
                wrote = await _write(model, drafted, before + start, behind)
                entry = _described(wrote, plain, source, names)
                report(slots + 1, num_slots + 1)
            content = _with_entry(content, entry)
    return drafted.with_content(content)


def _num_slots(drafted: Draft) -> int:
    """Return how many entries the model is asked for."""
    sections = [one for one in drafted.content.sections if one.kind in _FILLED]
    return min(_MAX_SLOTS, sum(len(one.entries) for one in sections))


def _unseen(_done: int, _all: int) -> None:
    """Stand in for who does not want to be told."""


async def _write(model: Model, drafted: Draft, prefix: str, suffix: str) -> Completion:
    generation = model.engine.submit(
        CompletionRequest(
            document=f"{drafted.document.uri}#docstring",
            path=model.path,
            prefix=prefix[-PREFIX_CHARACTERS:],
            suffix=suffix[:SUFFIX_CHARACTERS],
            max_tokens=_MAX_TOKENS,
            require_text=True,
            effort=model.effort,
            workspace_expert=False,  # it knows the words of code, and would quote them
            docstring=True,
        )
    )
    try:
        return await asyncio.wrap_future(generation.future)
    finally:
        generation.cancel()


def _described(wrote: Completion, entry: Entry, source: str, names: tuple[str, ...]) -> Entry:
    """Return an entry with the model's words, if they are to be shown."""
    if not _sure(wrote, LEAST_DESCRIPTION):
        return entry
    text = description_of(wrote.text, source, (*names, entry.name, entry.type))
    return entry if text is None else replace(entry, text=f"{text}.")


def _sure(wrote: Completion, least: float) -> bool:
    return bool(wrote.text.strip()) and wrote.mean_logprob >= least


def _with_entry(content: Content, entry: Entry) -> Content:
    *others, last = content.sections
    section = Section(kind=last.kind, entries=(*last.entries, entry))
    return replace(content, sections=(*others, section))


def _around(drafted: Draft) -> tuple[str, str]:
    """Return the file before the docstring's quotes, and behind them."""
    document, change = drafted.document, drafted.change
    lines = document.text().split("\n")
    head = "\n".join([*lines[: change.start.line], lines[change.start.line][: change.start.column]])
    tail = "\n".join([lines[change.end.line][change.end.column :], *lines[change.end.line + 1 :]])
    opening, literal, closing = change.text.partition(drafted.literal)
    return (head + opening, closing + tail) if literal else (head, tail)


def _source(drafted: Draft) -> str:
    span = drafted.facts.span
    return text_between(drafted.document, span.start, span.end)


def _names(drafted: Draft) -> tuple[str, ...]:
    facts = drafted.facts
    if isinstance(facts, ClassFacts):
        return (facts.name,)
    return (facts.name, facts.owner or "", facts.return_annotation or "")
