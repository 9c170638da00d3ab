"""What of a result is shown at a place: the gate first, then everything that text must pass."""

from dataclasses import dataclass

from lsp_server.postprocess.doubt import Doubt
from lsp_server.postprocess.judge import judge
from lsp_server.postprocess.reject import RejectReason
from lsp_server.query import Outcome, Query
from lsp_server.result_cache import Result
from lsp_server.syntax.guard import SyntaxGuard


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is shown, or why nothing is."""

    outcome: Outcome
    end: int  # up to this character the result's text was sure enough, and judged


def verdict(query: Query, result: Result, prefix: str, syntax: SyntaxGuard) -> Verdict:
    """Judge what is left of a result at a place along it; explicit requests pass the gate.

    Args:
        query: which gate, and what is hidden behind the cursor.
        result: what was generated.
        prefix: what stands before the cursor.
        syntax: of that place.
    """
    rest = result.rest_at(prefix, result.request.suffix) or ""
    behind = query.closers + result.request.suffix
    typed = len(prefix) - len(result.request.prefix)
    end, refused = len(result.text), None
    if result.is_unsure and not rest.strip():
        return Verdict(outcome=RejectReason.LOW_CONFIDENCE, end=typed)
    if rest and not query.explicit:
        gate = query.gate.at(result.request)
        end = gate.sure_part(result.completion, typed, end, Doubt(prefix, behind, syntax))
        if end > typed:
            rest = rest[: end - typed]
        else:
            refused = RejectReason.LOW_CONFIDENCE
    outcome = judge(
        rest,
        prefix,
        behind,
        single_line=not result.request.multi_line,
        refused=refused,
        breaks=None if query.explicit else syntax.breaks,
    )
    return Verdict(outcome=outcome, end=end)
