"""From generated text to a suggestion: trim, indentation, overlap, syntax; in this order."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from inference import Completion, CompletionRequest
from lsp_server.postprocess.closers import only_closers
from lsp_server.postprocess.confidence import confident_end, doubted, least_logprob
from lsp_server.postprocess.doubt import IN_TEXT, Surroundings, no_doubt
from lsp_server.postprocess.indentation import fit_indentation, moved_left
from lsp_server.postprocess.overlap import Insertion, fit_to_suffix
from lsp_server.postprocess.reject import RejectReason
from lsp_server.postprocess.trim import trim

_MAX_SHORTENINGS = 4
_KEPT = -0.4  # of log-odds: 0.18 where it is 0.25 for what is new
# Markers of code models, spelled out as text: `<|endoftext|>`, `<fim_middle>`, `<file_sep>`.
_MARKER = re.compile(r"<\|\w+\|>|<(?:fim_\w+|file_sep|repo_name|endoftext|jupyter_\w+|filename)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What an automatic suggestion must pass; an explicit request passes no gate."""

    minimum_confidence: float  # 0 to 1, see `confidence`
    explored_confidence: float = 1.0  # the same at places where it is tried what is wanted
    explores: Callable[[CompletionRequest], bool] = lambda _: False  # which places these are

    @property
    def kept_confidence(self) -> float:
        """The least for what stands already: a little below that for what is new."""
        return doubted(self.minimum_confidence, _KEPT)

    def at(self, request: CompletionRequest) -> "Gate":
        """Return the gate of the place where a completion was asked for."""
        if self.explored_confidence < self.minimum_confidence and self.explores(request):
            return replace(self, minimum_confidence=self.explored_confidence)
        return self

    def least_logprob(self, syntax: Surroundings) -> float | None:
        """Return below which nats nothing that is written at a place can pass any more."""
        return least_logprob(self.minimum_confidence, IN_TEXT if syntax.in_text else 0.0)

    def sure_part(
        self,
        completion: Completion,
        start: int,
        end: int,
        doubt: Callable[[str], float] = no_doubt,
    ) -> int:
        """Return where the lines end of which the model is sure enough; `start` if of none.

        Args:
            completion: what the model wrote.
            start: how many characters of it are typed already.
            end: how much of it may be shown.
            doubt: what speaks against a text, see `Doubt`.
        """
        return confident_end(completion, start, end, self.minimum_confidence, doubt)


def may_ask(suffix: str) -> RejectReason | None:
    """Return why an automatic request must not be made here: words behind the cursor."""
    rest = suffix.partition("\n")[0]
    return None if only_closers(rest) else RejectReason.MID_LINE


def judge(
    text: str,
    prefix: str,
    suffix: str,
    *,
    single_line: bool,
    refused: RejectReason | None = None,
    breaks: Callable[[Insertion], bool] | None = None,
) -> Insertion | RejectReason:
    """Return what to insert between `prefix` and `suffix`, or why not.

    Args:
        text: what the model wrote, from the cursor on.
        prefix: what stands before the cursor.
        suffix: what stands behind the cursor.
        single_line: keep one line only.
        refused: the verdict of the gate, which yields to an empty text (that says more).
        breaks: whether an insertion would break the document's syntax; one that does is moved to
            the cursor's indentation, and if that is not it, its last lines are left out until it
            does not. None: whatever it does is shown.
    """
    at_line_end = only_closers(suffix.partition("\n")[0])
    trimmed = trim(text, single_line=single_line, at_line_end=at_line_end)
    if isinstance(trimmed, RejectReason):
        return trimmed
    # A file about markers may go on about them.
    if any(marker not in prefix + suffix for marker in _MARKER.findall(trimmed)):
        return RejectReason.SPECIAL_TOKEN
    if refused:
        return refused
    line_before = prefix.rpartition("\n")[2]
    trimmed = fit_indentation(trimmed, prefix, suffix)
    fitted = fit_to_suffix(trimmed, line_before, suffix)
    moved = moved_left(trimmed, line_before)
    if moved != trimmed and breaks is not None and isinstance(fitted, Insertion) and breaks(fitted):
        trimmed = moved
        fitted = fit_to_suffix(trimmed, line_before, suffix)
    shortenings = 0
    while breaks is not None and isinstance(fitted, Insertion) and breaks(fitted):
        trimmed = trimmed.rpartition("\n")[0].rstrip()
        shortenings += 1
        if not trimmed or shortenings > _MAX_SHORTENINGS:
            return RejectReason.BREAKS_SYNTAX
        fitted = fit_to_suffix(trimmed, line_before, suffix)
    return fitted
