"""Finished generations, found again at their place and at every place typed along them."""

import re
from collections import OrderedDict
from dataclasses import dataclass

from inference import Completion, CompletionRequest, FinishReason
from lsp_server.postprocess.confidence import logprob
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

    @property
    def is_unsure(self) -> bool:
        """Whether the generation was ended since an automatic request would show no more of it."""
        return self.completion.finish_reason is FinishReason.UNSURE

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
        if self.is_unsure:
            return self._answers_unsure(request)
        rest = self.rest_at(request.prefix, request.suffix)
        if rest is None:
            return False
        if rest.strip():
            return True
        # Typed to its end, a suggestion says nothing about what comes then.
        typed = len(request.prefix) > len(self.request.prefix)
        return not typed and (self.request.require_text or not request.require_text)

    def _answers_unsure(self, request: CompletionRequest) -> bool:
        """Tell whether a text that was given up says enough: what is whole of it, or nothing."""
        least = self.request.least_logprob
        if request.require_text or least is None:
            return False
        if (self.rest_at(request.prefix, request.suffix) or "").strip():
            return True
        completion = self.completion
        whole = self.request.prefix + completion.text
        if request.suffix != self.request.suffix or not whole.startswith(request.prefix):
            return False
        # What is typed counts no more: what is left may have become sure enough to go on with it.
        typed = len(request.prefix) - len(self.request.prefix)
        return typed >= 0 and logprob(completion, typed, len(completion.text)) < least


class ResultCache:
    """The last results, the least recently used one leaves first."""

    def __init__(self) -> None:
        self._results: OrderedDict[int, Result] = OrderedDict()
        self._next_key = 0

    def put(self, result: Result) -> None:
        """Remember a result; of those that were given up and hold nothing a document's last."""
        if result.is_unsure and not result.text:
            self._drop_given_up(result.request.document)
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

    def _drop_given_up(self, document: str) -> None:
        for key, known in self._results.items():
            if known.is_unsure and not known.text and known.request.document == document:
                del self._results[key]
                return

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
    if completion.finish_reason is FinishReason.UNSURE:
        return complete_lines(text)
    if completion.finish_reason not in _CUT_SHORT:
        return text
    lines = complete_lines(text)
    if lines.strip():
        return lines
    whole_words = _LAST_WORD.sub("", text)
    return whole_words if whole_words.strip() else text
