"""One generation, from prompt to text: prefill in chunks, then token by token."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from inference.cancel import CancelToken
from inference.candidates import Candidates
from inference.drafting import Draft, DraftCosts, DraftedSteps
from inference.healing import Healer, Rewriting
from inference.kv_cache import KvCache
from inference.line_ends import NO_LINE_ENDS, LineEnds
from inference.pacing import ChunkPacer
from inference.prefix_cache import PrefixCache
from inference.prompt import PromptBuilder
from inference.request import Completion, CompletionRequest, FinishReason
from inference.sampling import Hint, choose, distribution, generator, mix
from inference.session import Session
from inference.stopping import find_stop
from inference.tokenizer import TextDecoder, Tokenizer
from inference.vocabulary import Vocabulary
from inference.workspace_expert import WorkspaceExpert

Floats: TypeAlias = npt.NDArray[np.float32]
Report: TypeAlias = Callable[[Completion], None]


def _no_draft() -> Draft:
    return [], 0


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a running generation has produced and cost."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    text: str = ""
    tokens: int = 0
    drafted_tokens: int = 0
    ends: list[int] = field(default_factory=list)  # of `text`, behind each token
    logprobs: list[float] = field(default_factory=list)
    ms_prefill: float = 0.0
    ms_decode: float = 0.0

    def add(self, logprob: float, *, drafted: bool) -> None:
        """Count one more token."""
        self.tokens += 1
        self.drafted_tokens += drafted
        self.logprobs.append(logprob)

    def completion(self, reason: FinishReason | None) -> Completion:
        """Return the state as what the engine hands out."""
        return Completion(
            text=self.text,
            finish_reason=reason,
            tokens=self.tokens,
            prompt_tokens=self.prompt_tokens,
            cached_tokens=self.cached_tokens,
            mean_logprob=sum(self.logprobs) / max(self.tokens, 1),
            min_logprob=min(self.logprobs, default=0.0),
            token_ends=tuple(self.ends),
            token_logprobs=tuple(self.logprobs[: len(self.ends)]),
            drafted_tokens=self.drafted_tokens,
            ms_prefill=self.ms_prefill,
            ms_decode=self.ms_decode,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """The parts of an open model that a generation uses; one generation at a time."""

    session: Session
    tokenizer: Tokenizer
    vocabulary: Vocabulary
    prompts: PromptBuilder
    cache: PrefixCache
    healer: Healer
    context: int  # tokens that prompt and completion may fill
    pacer: ChunkPacer
    drafts: DraftCosts
    stop_id: int | None  # the first of the model's stop ids

    def generate(
        self,
        request: CompletionRequest,
        cancel: CancelToken,
        report: Report,
    ) -> Completion:
        """Run a request to its end.

        Args:
            request: what to complete.
            cancel: looked at before every forward pass.
            report: called after every forward pass and every token, with the state so far.

        Raises:
            MixlineError: the prompt does not fit, or the model failed.
        """
        tally = Tally()
        if cancel.cancelled:
            return tally.completion(FinishReason.CANCELLED)
        prompt, taken = self.healer.take_back(self.prompts.build(request), request.prefix)
        room = min(len(prompt) + len(taken) + request.max_tokens, self.context)
        slot, tally.cached_tokens = self.cache.acquire(request.document, prompt, room)
        tally.prompt_tokens = len(prompt)
        if request.prefill_only and tally.cached_tokens == len(prompt) - 1:
            return tally.completion(FinishReason.LENGTH)  # the last one is run for its logits only
        logits = self._prefill(request, prompt, slot.kv, cancel, report, tally)
        if logits is None:
            return tally.completion(FinishReason.CANCELLED)
        if request.prefill_only:
            return tally.completion(FinishReason.LENGTH)
        rewriting = Rewriting(self.healer, taken)
        steps = DraftedSteps(
            self.session,
            slot.kv,
            request.effort,
            self.drafts,
            drafting=request.sampling.temperature == 0.0,  # drawn tokens are seldom a draft's
            room=room,
        )
        try:
            reason = self._decode(request, steps, logits, rewriting, cancel, report, tally)
        finally:
            steps.finish()
        return tally.completion(reason)

    def _prefill(
        self,
        request: CompletionRequest,
        prompt: list[int],
        kv: KvCache,
        cancel: CancelToken,
        report: Report,
        tally: Tally,
    ) -> Floats | None:
        """Run what the cache does not hold; return the logits behind it, None if cancelled."""
        logits: Floats | None = None
        began = time.perf_counter()
        start = tally.cached_tokens
        while start < len(prompt):
            if cancel.cancelled:
                return None
            chunk = prompt[start : start + self.pacer.num_tokens]
            chunk_began = time.perf_counter()
            logits = self.session.run(kv, chunk, request.effort)
            now = time.perf_counter()
            self.pacer.observe(len(chunk), now - chunk_began)
            start += len(chunk)
            tally.ms_prefill = (now - began) * 1e3
            report(tally.completion(None))
        return logits

    def _decode(
        self,
        request: CompletionRequest,
        steps: DraftedSteps,
        logits: Floats,
        rewriting: Rewriting,
        cancel: CancelToken,
        report: Report,
        tally: Tally,
    ) -> FinishReason:
        """Generate until a rule stops it; text and counts go to the tally."""
        started = time.perf_counter()
        rng = generator(request.sampling.seed)
        decoder = TextDecoder()
        cursor_line = request.prefix.rpartition("\n")[2]
        expert = (
            WorkspaceExpert(request, self.tokenizer.encode, self.stop_id, rewriting.text)
            if request.workspace_expert
            else None
        )
        candidates = Candidates(request.candidates, request.prefix, self.tokenizer.token_bytes)
        while True:
            mask = self._mask(request, rewriting, tally)
            ends = self._line_ends(request, rewriting)
            probabilities, hint = expected(logits + mask, ends, expert)
            candidates.favour(probabilities, tally.text, rewriting.left)
            token, logprob = choose(probabilities, request.sampling, rng)
            is_old = bool(rewriting.left)
            new = rewriting.consume(self.tokenizer.token_bytes(token))
            is_old = is_old and not new  # a token of old text alone counts for nothing
            if not is_old:
                tally.add(logprob, drafted=hint is not None and token in hint.tokens)
            written = decoder.push(new)
            reason = self._append(token, written, request, cursor_line, tally)
            if not is_old:
                tally.ends.append(len(tally.text))
            tally.ms_decode = (time.perf_counter() - started) * 1e3
            if reason is not None:
                return reason
            if not is_old:
                report(tally.completion(None))
            if tally.tokens >= request.max_tokens:
                return FinishReason.LENGTH
            if steps.num_tokens >= self.context:
                return FinishReason.CONTEXT
            if cancel.cancelled:
                return FinishReason.CANCELLED
            if expert is not None:
                expert.advance(token, written, tally.text, rewriting.text)
            draft = _no_draft if expert is None else expert.draft
            logits = steps.logits(token, draft, request.max_tokens - tally.tokens - 1)

    def _mask(self, request: CompletionRequest, rewriting: Rewriting, tally: Tally) -> Floats:
        if rewriting.left:
            return rewriting.mask(require_text=request.require_text, multi_line=request.multi_line)
        return self.vocabulary.mask(
            tally.text,
            num_tokens=tally.tokens,
            require_text=request.require_text,
            multi_line=request.multi_line,
        )

    def _line_ends(self, request: CompletionRequest, rewriting: Rewriting) -> LineEnds:
        """Return the tokens that are one and the same answer."""
        if request.multi_line:
            return NO_LINE_ENDS
        return rewriting.line_ends() if rewriting.left else self.vocabulary.line_ends

    def _append(
        self,
        token: int,
        written: str,
        request: CompletionRequest,
        cursor_line: str,
        tally: Tally,
    ) -> FinishReason | None:
        """Add a token to the text; return why the text is complete, None if it is not."""
        if token in self.vocabulary.stop_ids:
            return FinishReason.STOP
        tally.text += written
        stop = find_stop(tally.text, cursor_line=cursor_line, multi_line=request.multi_line)
        if stop is not None:
            tally.text = stop.text
            return stop.reason
        return None


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
