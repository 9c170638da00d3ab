"""Records whose every text is a canary."""

from itertools import count

from lsp_server.history.records import Judged, Shown, Verdict, new_id

CANARY = "canary_in_the_coal_mine"

_MILLISECONDS = count()  # two suggestions in one may draw the same identity


def shown(**changes: object) -> Shown:
    """A suggestion whose every text is a canary."""
    facts: dict[str, object] = {
        "id": new_id(1_000_000.0 + next(_MILLISECONDS) / 1e3),
        "document": f"file:///home/{CANARY}.py",
        "place": f"{CANARY} = ",
        "language": "python",
        "kind": "code",
        "line_start": False,
        "list_entry": False,
        "explicit": False,
        "explored": False,
        "characters": 10,
        "lines": 1,
        "confidence": 0.75,
        "foretold": 0.5,
        "latency_ms": 20.0,
    }
    return Shown(**(facts | changes))  # type: ignore[arg-type]


def judged(suggestion: Shown, verdict: Verdict = Verdict.WHOLE, taken: int = 10) -> Judged:
    """Its verdict."""
    return Judged(
        id=suggestion.id, verdict=verdict, visible_ms=400.0, taken=taken, grabs=min(taken, 1)
    )
