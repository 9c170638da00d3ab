"""Finished generations, found again at their place and at every place typed along them."""

import re
from collections import OrderedDict
from dataclasses import dataclass

from inference import Completion, CompletionRequest, FinishReason
from lsp_server.postprocess.trim import complete_lines

_MAX_ENTRIES = 64
_CUT_SHORT = frozenset({FinishReason.LENGTH, FinishReason.CONTEXT, FinishReason.CANCELLED})
_LAST_WORD = re.compile(r"\w+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was generated for one request."""

    request: CompletionRequest
    completion: Completion
    text: str  # of the completion, less an unfinished last line

    def rest_at(self, prefix: str, suffix: str) -> str | None:
        """Return what is left of the text for a cursor further along it, or None elsewhere."""
        if suffix != self.request.suffix:
            return None
        whole = self.request.prefix + self.text
        if len(prefix) < len(self.request.prefix) or not whole.startswith(prefix):
            return None
        return whole[len(prefix) :]

    def answers(self, request: CompletionRequest) -> bool:
        """Tell whether nothing better would come of generating again."""
        rest = self.rest_at(request.prefix, request.suffix)
        if rest is None:
            return False
        if rest.strip():
            return True
        # Typed to its end, a suggestion says nothing about what comes then.
        typed = len(request.prefix) > len(self.request.prefix)
        return not typed and (self.request.require_text or not request.require_text)


class ResultCache:
    """The last results, the least recently used one leaves first."""

    def __init__(self) -> None:
        self._results: OrderedDict[int, Result] = OrderedDict()
        self._next_key = 0

    def put(self, result: Result) -> None:
        """Remember a result."""
        self._results[self._next_key] = result
        self._next_key += 1
        if len(self._results) > _MAX_ENTRIES:
            self._results.popitem(last=False)

    def find(self, request: CompletionRequest) -> Result | None:
        """Return the newest result that answers a request."""
        for key in reversed(self._results):
            result = self._results[key]
            if result.request.document == request.document and result.answers(request):
                self._results.move_to_end(key)
                return result
        return None

    def forget(self, document: str) -> None:
        """Drop a document's results."""
        for key in [k for k, r in self._results.items() if r.request.document == document]:
            del self._results[key]

    def clear(self) -> None:
        """Drop everything: the settings have changed."""
        self._results.clear()


def settled(request: CompletionRequest, completion: Completion) -> Result:
    """Return what is kept of a completion: less a last line, or word, that was cut short."""
    return Result(request=request, completion=completion, text=_settled_text(completion))


def _settled_text(completion: Completion) -> str:
    text = completion.text
    if completion.finish_reason not in _CUT_SHORT:
        return text
    lines = complete_lines(text)
    if lines.strip():
        return lines
    whole_words = _LAST_WORD.sub("", text)
    return whole_words if whole_words.strip() else text
