"""The suggestion that stands at the cursor: typed along it stays, and is not judged again.

What the document becomes when the rest of it is accepted does not change while somebody types it,
so neither does what syntax and doubts had to say. That leaves a comparison of texts for such a key.
The model must be a little less sure of what stands than of what is new: a suggestion that comes and
goes while it is typed, or erased, disturbs more than one that is a little too unsure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.document import Edit
from lsp_server.postprocess.confidence import confidence, doubted
from lsp_server.postprocess.doubt import Doubt
from lsp_server.postprocess.overlap import Insertion, is_subsequence
from lsp_server.postprocess.reject import RejectReason
from lsp_server.query import Outcome, Query
from lsp_server.result_cache import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A suggestion as it was shown."""

    result: Result  # what it is made of,
    end: int  # up to this character of its text
    doubt: float  # what spoke against it
    explicit: bool  # asked for by the user, who gets what is not sure, too
    whole: str  # the text before the cursor once it is accepted,
    behind: str  # and the text behind it
    lines: range  # of the document: the cursor's, and as many as it has itself

    def rest(self, prefix: str, behind: str) -> Insertion | None:
        """Return what is left of it for a cursor further along it, or further back.

        Args:
            prefix: what stands before the cursor.
            behind: what stands behind it, closers that the editor has inserted included.
        """
        absorbed = len(behind) - len(self.behind)
        if absorbed < 0 or not behind.endswith(self.behind) or not self.whole.startswith(prefix):
            return None
        text = self.whole[len(prefix) :]
        closers = behind[:absorbed]
        if not text.strip() or "\n" in closers or not is_subsequence(closers, text):
            return None
        return Insertion(text=text, absorbed=absorbed)


class Standings:
    """What stands in each document; lives in the event loop's thread."""

    def __init__(self) -> None:
        self._standing: dict[str, Standing] = {}

    def shown(self, query: Query, outcome: Insertion, result: Result, end: int) -> None:
        """Note a suggestion that was shown.

        Args:
            query: what was answered,
            outcome: with this,
            result: made of this,
            end: up to this character of its text.
        """
        prefix, behind = query.request.prefix, query.closers + query.request.suffix
        row = query.cursor.line
        self._standing[query.uri] = Standing(
            result=result,
            end=end,
            # Where the gate was asked the syntax is known by now; nobody waits for it elsewhere.
            doubt=0.0 if query.explicit else Doubt(prefix, behind, query.syntax)(outcome.text),
            explicit=query.explicit,
            whole=prefix + outcome.text,
            behind=behind[outcome.absorbed :],
            lines=range(row, row + outcome.text.count("\n") + 1),
        )

    def answer(self, query: Query) -> tuple[Outcome, Result] | None:
        """Return what still stands for an automatic request, None where it is to be judged anew.

        That is also where by now the model is sure of more lines than stand there.
        """
        standing = self._standing.get(query.uri)
        if standing is None or query.explicit:
            return None
        prefix, behind = query.request.prefix, query.closers + query.request.suffix
        rest = standing.rest(prefix, behind)
        result = standing.result
        typed = len(prefix) - len(result.request.prefix)
        if rest is None or typed < 0:
            return None
        if rest.text.strip() == behind[: rest.absorbed].strip():
            return RejectReason.REPEATS_SUFFIX, result
        gate = query.gate.at(result.request)
        sure = doubted(confidence(result.completion, typed, standing.end), standing.doubt)
        if sure < gate.kept_confidence and not standing.explicit:
            return None
        more = result.text[standing.end :].strip()
        if more and gate.sure_part(result.completion, typed, len(result.text)) > standing.end:
            return None
        return rest, result

    def edited(self, uri: str, edits: Sequence[Edit]) -> None:
        """Follow edits: elsewhere in the document they may change what syntax says."""
        standing = self._standing.get(uri)
        if standing is not None and any(
            edit.start_line not in standing.lines or edit.end_line not in standing.lines
            for edit in edits
        ):
            del self._standing[uri]

    def forget(self, uri: str) -> None:
        """Drop what stands in a document."""
        self._standing.pop(uri, None)

    def clear(self) -> None:
        """Drop everything: the settings have changed."""
        self._standing.clear()
