"""The order in which enumerated edits are tried: what speaks against each, and the model's view.

Edits of the same few lines are compared by the likelihood of those lines after each of them; edits
elsewhere (an import at the top, say) by their costs alone.
"""

import logging
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from inference import CompletionRequest, MixlineError, Priority
from lsp_server.context.around_cursor import printable
from lsp_server.document import Document
from lsp_server.engine_host import CompletionEngine
from lsp_server.fixes.asking import ask
from lsp_server.fixes.candidate import Candidate, EditError, apply
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.prompt_window import head, tail

_log = logging.getLogger(__name__)
_WEIGHT: Final = 0.25  # of the model's nats against ours; fitted on injected bugs
_MOST_OPTIONS: Final = 12
_HOPELESS: Final = 5.0  # nats behind the best, which no model makes good
_MOST_LINES: Final = 12  # between edits that are compared
_MOST_CHARACTERS: Final = 1500  # of an option


class Scorer(Protocol):
    """Tells how likely texts are in one place."""

    async def __call__(
        self, prefix: str, options: Sequence[str], suffix: str, /
    ) -> Sequence[float]:
        """Return minus the log-probability of each option; nothing if it cannot tell."""


class _Place(NamedTuple):
    """Where edits are compared, and what each writes there."""

    prefix: str
    options: list[str]
    suffix: str


class EngineScorer:
    """Asks an engine in the background; what a person asks meanwhile goes first."""

    def __init__(self, engine: CompletionEngine, uri: str, path: str) -> None:
        """Ask about one document.

        Args:
            engine: that is ready.
            uri: of the document.
            path: of it inside the workspace, which the model sees.
        """
        self._engine = engine
        self._uri = uri
        self._path = path

    async def __call__(
        self, prefix: str, options: Sequence[str], suffix: str, /
    ) -> Sequence[float]:
        """Return minus the log-probability of each option; nothing if the model failed."""
        request = CompletionRequest(
            document=f"{self._uri}#fix",
            path=self._path,
            prefix=printable(tail(prefix)),
            suffix=printable(head(suffix)),
            options=tuple(map(printable, options)),
            priority=Priority.BACKGROUND,
            workspace_expert=False,
        )
        try:
            return (await ask(self._engine, request)).option_nats
        except MixlineError as error:
            _log.warning("the model could not compare fixes: %s", error)
            return ()


async def rank(
    scorer: Scorer | None,
    document: Document,
    diagnostic: Diagnostic,
    candidates: Sequence[Candidate],
) -> list[Candidate]:
    """Return the candidates, the likeliest first.

    Args:
        scorer: None to go by the costs alone.
        document: that they are for.
        diagnostic: that they are against.
        candidates: in any order.
    """
    by_cost = sorted(candidates, key=lambda candidate: candidate.cost)
    if scorer is None or len(by_cost) < 2:  # noqa: PLR2004
        return by_cost
    compared = [
        candidate
        for candidate in by_cost[:_MOST_OPTIONS]
        if candidate.cost <= by_cost[0].cost + _HOPELESS and _is_near(diagnostic, candidate)
    ]
    place = _place(document, compared)
    if place is None:
        return by_cost
    nats = await scorer(*place)
    if len(nats) != len(compared):
        return by_cost
    likeliest = min(nats)
    scores = {
        candidate: candidate.cost + _WEIGHT * (cost - likeliest)
        for candidate, cost in zip(compared, nats, strict=True)
    }
    return sorted(by_cost, key=lambda candidate: scores.get(candidate, candidate.cost))


def _is_near(diagnostic: Diagnostic, candidate: Candidate) -> bool:
    return all(
        abs(change.start.line - diagnostic.start.line) <= _MOST_LINES // 2
        and abs(change.end.line - diagnostic.start.line) <= _MOST_LINES // 2
        for change in candidate.changes
    )


def _place(document: Document, compared: Sequence[Candidate]) -> _Place | None:
    """Return the whole lines that some edits change, with what each makes of them."""
    if len(compared) < 2:  # noqa: PLR2004
        return None
    try:
        edited = [apply(document, candidate).text().split("\n") for candidate in compared]
    except EditError:
        return None
    shortest = min(map(len, edited))
    first = 0
    while first < shortest and len({lines[first] for lines in edited}) == 1:
        first += 1
    behind = 0
    while behind < shortest - first and len({lines[-1 - behind] for lines in edited}) == 1:
        behind += 1
    options = ["\n".join(lines[first : len(lines) - behind]) for lines in edited]
    if max(map(len, options)) > _MOST_CHARACTERS:
        return None
    prefix = "".join(f"{line}\n" for line in edited[0][:first])
    suffix = "".join(f"\n{line}" for line in edited[0][len(edited[0]) - behind :])
    return _Place(prefix, options, suffix)
