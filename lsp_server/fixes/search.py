"""From one diagnostic to fixes that were tried: cheapest first, within a budget, cancellable.

    found = await search(Faulty(baseline=Baseline(file), diagnostic=diagnostic), tools)

The order is the checker's own fix, then enumerated edits (ranked, if there is a model), then what
the model writes. Within a stage the candidates are tried in their order; the search ends with the
stage that brought a verified fix. Cancelling the task that awaits `search` ends the checker that
runs within a moment, with all processes of its group, and whatever the model does for it.

`Faulty` is one diagnostic in one text (`Baseline` is shared by all diagnostics of that text, so
that every checker looks at it once); `Tools` are what the search may use: evaluation, command line
and server differ in nothing else.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from lsp_server.document import Document
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.checkers.checker import Checker
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.forbidden import ModuleExists
from lsp_server.fixes.kinds import Kind, kind_of
from lsp_server.fixes.refusal import Refusal
from lsp_server.fixes.verification import Baseline, Fix, Verdict, Verifier

Propose = Callable[[Document, Diagnostic], Iterable[Candidate]]
"""Enumerates edits, cheapest first (`lsp_server.fixes.candidates`); called in other threads."""
Ready = Callable[[], Awaitable[None]]
"""Waits until all names are known that the enumeration goes by; that time is in no budget."""
Rank = Callable[[Document, Diagnostic, Sequence[Candidate]], Awaitable[Sequence[Candidate]]]
"""Puts candidates in the order of their likelihood (`lsp_server.fixes.ranking`)."""
Rewrite = Callable[[Document, Diagnostic], AsyncIterator[Candidate]]
"""Lets the model write (`lsp_server.fixes.rewriting`)."""

_MAX_ENUMERATED: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Where a search ends, whatever it has found."""

    seconds: float = 8.0
    candidates: int = 32  # tried on a copy
    verified: int = 3  # offered
    parsed: int = 1  # offered if nothing could be verified


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a search may use; without rank and rewrite it needs no model."""

    checkers: tuple[Checker, ...]  # the cheapest first
    propose: Propose
    module_exists: ModuleExists
    ready: Ready | None = None
    rank: Rank | None = None
    rewrite: Rewrite | None = None
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulty:
    """A diagnostic, and the text that it stands in."""

    baseline: Baseline
    diagnostic: Diagnostic
    is_awaited: Callable[[], bool] = lambda: False  # by somebody who takes the first verified fix


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of a search."""

    fixes: tuple[Fix, ...]  # best first, the verified before the parsed
    could_verify: bool  # a checker reports the diagnostic
    tried: int
    refusals: Mapping[Refusal, int]
    seconds: float


async def search(faulty: Faulty, tools: Tools) -> Found:
    """Look for fixes of one diagnostic."""
    started = time.monotonic()
    document = faulty.baseline.file.document
    verifier = Verifier(faulty.baseline, faulty.diagnostic, tools.checkers, tools.module_exists)
    kept = _Kept(tools.budget)
    try:
        async with asyncio.timeout(tools.budget.seconds) as limit:
            reported = await verifier.prepare()
            own = [*await verifier.own_fixes()]
            if reported is not None and reported.fix is not None:
                own.insert(0, reported.fix)
            stages = _stages(document, faulty.diagnostic, tools, own, limit)
            async for stage in stages:
                async for candidate in stage:
                    if verifier.tried >= tools.budget.candidates or kept.is_full:
                        break
                    if kept.verified and faulty.is_awaited():
                        break
                    outcome = await verifier.verify(candidate)
                    if isinstance(outcome, Fix):
                        kept.add(outcome)
                if kept.verified or verifier.tried >= tools.budget.candidates:
                    break
    except TimeoutError:
        pass  # what was found until now stands
    return Found(
        fixes=kept.fixes,
        could_verify=verifier.can_verify,
        tried=verifier.tried,
        refusals=Counter(verifier.refusals),
        seconds=time.monotonic() - started,
    )


class _Kept:
    """The fixes so far, each text once."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._texts: set[tuple[str, ...]] = set()
        self.verified: list[Fix] = []
        self._parsed: list[Fix] = []

    def add(self, fix: Fix) -> None:
        if fix.edited.lines in self._texts:
            return
        self._texts.add(fix.edited.lines)
        (self.verified if fix.verdict is Verdict.VERIFIED else self._parsed).append(fix)

    @property
    def is_full(self) -> bool:
        return len(self.verified) >= self._budget.verified

    @property
    def fixes(self) -> tuple[Fix, ...]:
        return tuple(self.verified or self._parsed[: self._budget.parsed])


async def _stages(
    document: Document,
    diagnostic: Diagnostic,
    tools: Tools,
    own: Sequence[Candidate],
    limit: asyncio.Timeout,
) -> AsyncIterator[AsyncIterator[Candidate]]:
    # ruff keeps the value of an unused variable, also where it has no effect.
    own_first = kind_of(diagnostic) is not Kind.UNUSED_VARIABLE
    if own and own_first:
        yield _each(own)
    if tools.ready is not None:
        await _without(limit, tools.ready)
    enumerated = await asyncio.to_thread(_enumerated, document, diagnostic, tools.propose)
    if tools.rank is not None and len(enumerated) > 1:
        enumerated = list(await tools.rank(document, diagnostic, enumerated))
    yield _each(enumerated)
    if own and not own_first:
        yield _each(own)
    if tools.rewrite is not None:
        yield tools.rewrite(document, diagnostic)


async def _without(limit: asyncio.Timeout, ready: Ready) -> None:
    """Wait as long as it takes: the first search in a large folder finds its names unread."""
    loop = asyncio.get_running_loop()
    end, began = limit.when(), loop.time()
    limit.reschedule(None)
    await ready()
    limit.reschedule(None if end is None else end + loop.time() - began)


def _enumerated(document: Document, diagnostic: Diagnostic, propose: Propose) -> list[Candidate]:
    """Return the enumerated edits: they take a moment, in which the server goes on."""
    return list(islice(propose(document, diagnostic), _MAX_ENUMERATED))


async def _each(candidates: Sequence[Candidate]) -> AsyncIterator[Candidate]:
    for candidate in candidates:
        yield candidate
