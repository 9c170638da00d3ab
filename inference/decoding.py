"""From the logits behind a prompt to text: token by token, to the likeliest line or a drawn one."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.cancel import CancelToken
from inference.candidates import Candidates
from inference.drafting import Draft, DraftedSteps
from inference.healing import Rewriting
from inference.line_ends import NO_LINE_ENDS, LineEnds
from inference.line_search import MOST_WAYS, Frontier, Pick
from inference.request import CompletionRequest, FinishReason
from inference.sampling import Hint, choose, distribution, generator, mix
from inference.stopping import find_stop
from inference.tokenizer import Tokenizer
from inference.vocabulary import Vocabulary
from inference.workspace_expert import WorkspaceExpert
from inference.writing import Costs, Way

# V vocabulary

Floats: TypeAlias = npt.NDArray[np.float32]
_NO_LINE: Final = -1e9  # nats: any line is likelier than one that was given up
_WHOLE: Final = frozenset({FinishReason.STOP, FinishReason.LINE, FinishReason.SCOPE})


def _no_draft() -> Draft:
    return [], 0


class Decoding:
    """One generation behind its prompt; used once, by the engine's worker thread."""

    def __init__(
        self,
        request: CompletionRequest,
        *,
        tokenizer: Tokenizer,
        vocabulary: Vocabulary,
        steps: DraftedSteps,
        context: int,
        search_s: float,
        cancel: CancelToken,
        costs: Costs,
        report: Callable[[Way], None],
    ) -> None:
        """Begin.

        Args:
            request: what to complete.
            tokenizer: of the model.
            vocabulary: of the model.
            steps: run the model; they stand behind the prompt.
            context: tokens that prompt and completion may fill.
            search_s: seconds at most to look for a likelier line than the greedy one.
            cancel: looked at before every forward pass.
            costs: are counted here.
            report: told of the way after every token of the greedy one.
        """
        self._request = request
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._steps = steps
        self._context = context
        self._search_s = search_s if request.sampling.temperature == 0.0 else 0.0
        self._cancel = cancel
        self._costs = costs
        self._report = report
        self._rng = generator(request.sampling.seed)
        self._candidates = Candidates(request.candidates, request.prefix, tokenizer.token_bytes)
        self._cursor_line = request.prefix.rpartition("\n")[2]
        self._prompt_tokens = steps.num_tokens
        self._began = time.perf_counter()

    def run(self, way: Way, logits: Floats) -> Way:
        """Write until a rule stops it.

        Args:
            way: the beginning.
            logits: ``[V]`` behind the prompt.

        Returns:
            The way that was taken, its reason set.

        Raises:
            MixlineError: the model failed.
        """
        if not self._search_s:
            self._write(way, logits)
            return way
        frontier = Frontier()
        self._write(way, logits, frontier=frontier)
        unsure = way.reason is FinishReason.UNSURE
        best = self._search(way, frontier) if unsure or _is_whole(way) else way
        if best.reason is None and self._cancel.cancelled:
            best.reason = FinishReason.CANCELLED
        elif best.reason is None:  # more lines may follow
            self._report(best)
            self._write(best, self._steps.resume(self._prompt_tokens, best.chosen))
        return best

    def _search(self, best: Way, frontier: Frontier) -> Way:
        """Return the likeliest way to a whole line that is found, `best` if there is no other."""
        self._report(best)
        least = best.logprob if _is_whole(best) else _NO_LINE
        deadline = time.perf_counter() + self._search_s
        for _ in range(MOST_WAYS):
            fork = frontier.pop(least)
            if fork is None or self._cancel.cancelled or time.perf_counter() > deadline:
                break
            self._steps.rewind(fork.num_tokens)
            way = fork.way.fork()
            logits = self._take(way, fork.pick, frontier=frontier, least=least)
            self._write(way, logits, frontier=frontier, least=least)
            if way.logprob > least and _is_whole(way):
                best, least = way, way.logprob
        return best

    def _write(
        self,
        way: Way,
        logits: Floats | None,
        *,
        frontier: Frontier | None = None,
        least: float = -math.inf,
    ) -> None:
        """Go on greedily, or as sampling says, until `_take` ends it.

        Args:
            way: what is written so far.
            logits: ``[V]`` behind it.
            frontier: see `_take`; is told what else was likely.
            least: see `_take`.
        """
        request = self._request
        while logits is not None:
            ends = self._line_ends(way)
            one_line = NO_LINE_ENDS if request.multi_line else ends
            probabilities, hint = expected(logits + self._mask(way), one_line, way.expert)
            self._candidates.favour(probabilities, way.written.text, way.rewriting.left)
            if request.unlike and not way.written.tokens:
                forbid(probabilities, request.unlike, way.rewriting)
            token, logprob = choose(probabilities, request.sampling, self._rng)
            drafted = hint is not None and token in hint.tokens
            pick = Pick(token=token, logprob=logprob, line_logprob=logprob, drafted=drafted)
            if frontier is not None:
                pick = frontier.add(way, self._steps.num_tokens, probabilities, pick, hint, ends)
            logits = self._take(way, pick, frontier=frontier, least=least)

    def _take(
        self, way: Way, pick: Pick, *, frontier: Frontier | None, least: float
    ) -> Floats | None:
        """Add a token to a way.

        Args:
            way: is changed.
            pick: the token.
            frontier: None to write all lines; with one the first line is the end.
            least: a way that is no likelier than this is given up.

        Returns:
            The logits ``[V]`` behind it, None where the way ends.
        """
        request, written = self._request, way.written
        is_old = bool(way.rewriting.left)
        new = way.rewriting.consume(self._tokenizer.token_bytes(pick.token))
        is_old = is_old and not new  # a token of old text alone counts for nothing
        way.chosen.append(pick.token)
        way.logprob += pick.line_logprob
        if not is_old:
            written.tokens += 1
            written.drafted_tokens += pick.drafted
            written.logprobs.append(pick.logprob)
            self._costs.decoded_tokens += 1
        text = way.decoder.push(new)
        way.reason = self._append(way, pick.token, text)
        if not is_old:
            written.ends.append(len(written.text))
        self._costs.ms_decode = (time.perf_counter() - self._began) * 1e3
        if way.reason is not None:
            return None
        if not is_old and least == -math.inf:
            self._report(way)
        way.reason = self._limit(way)
        if way.reason is not None:
            return None
        if way.expert is not None:
            way.expert.advance(
                pick.token,
                text,
                written.text,
                logprob=pick.logprob,
                rewritten=way.rewriting.text,
            )
        if way.logprob <= least or (frontier is not None and way.has_line):
            return None
        draft = _no_draft if way.expert is None else way.expert.draft
        return self._steps.logits(pick.token, draft, request.max_tokens - written.tokens - 1)

    def _limit(self, way: Way) -> FinishReason | None:
        if way.written.tokens >= self._request.max_tokens:
            return FinishReason.LENGTH
        if self._steps.num_tokens >= self._context:
            return FinishReason.CONTEXT
        least = self._request.least_logprob
        if least is not None and way.written.logprob < least:
            return FinishReason.UNSURE
        return FinishReason.CANCELLED if self._cancel.cancelled else None

    def _mask(self, way: Way) -> Floats:
        request = self._request
        if way.rewriting.left:
            return way.rewriting.mask(
                require_text=request.require_text, multi_line=request.multi_line
            )
        return self._vocabulary.mask(
            way.written.text,
            num_tokens=way.written.tokens,
            require_text=request.require_text,
            multi_line=request.multi_line,
        )

    def _line_ends(self, way: Way) -> LineEnds:
        """Return the tokens that end the line in the same way."""
        return way.rewriting.line_ends() if way.rewriting.left else self._vocabulary.line_ends

    def _append(self, way: Way, token: int, text: str) -> FinishReason | None:
        """Add a token's text; return why the text is complete, None if it is not."""
        if token in self._vocabulary.stop_ids:
            return FinishReason.STOP
        written = way.written
        written.text += text
        stop = find_stop(
            written.text, cursor_line=self._cursor_line, multi_line=self._request.multi_line
        )
        if stop is None:
            return None
        written.text = stop.text
        return stop.reason


def forbid(probabilities: Floats, texts: Sequence[str], rewriting: Rewriting) -> None:
    """Give the first tokens of texts no probability ``[V]``, in place, if others have some."""
    leading = [token for text in texts for token in rewriting.leading(text)]
    forbidden = probabilities[leading]
    probabilities[leading] = 0.0
    if not probabilities.any():
        probabilities[leading] = forbidden


def _is_whole(way: Way) -> bool:
    """Tell whether a way came to the end of a line, by itself."""
    return way.reason in _WHOLE or (way.reason is None and way.has_line)


def expected(
    logits: Floats, ends: LineEnds, expert: WorkspaceExpert | None
) -> tuple[Floats, Hint | None]:
    """Return the probabilities ``[V]`` of network and expert together, and what the latter said.

    Raises:
        ModelDirectoryError: the logits hold a NaN or no finite value.
    """
    probabilities = distribution(logits)
    ends.merge(probabilities)
    hint = None if expert is None else expert.hint(probabilities, ends)
    if hint is not None:
        mix(probabilities, hint)
    return probabilities, hint
