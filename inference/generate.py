"""One generation, from prompt to text: prefill in chunks, then token by token (decoding.py)."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from inference.cancel import CancelToken
from inference.decoding import Decoding
from inference.drafting import DraftCosts, DraftedSteps
from inference.healing import Healer, Rewriting
from inference.kv_cache import KvCache
from inference.option_scoring import option_nats
from inference.pacing import ChunkPacer
from inference.prefix_cache import PrefixCache
from inference.prompt import PromptBuilder
from inference.request import Completion, CompletionRequest, FinishReason
from inference.session import Session
from inference.tokenizer import Tokenizer
from inference.vocabulary import Vocabulary
from inference.workspace_expert import WorkspaceExpert
from inference.writing import Costs, Way, Written

Floats: TypeAlias = npt.NDArray[np.float32]
Report: TypeAlias = Callable[[Completion], None]


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
    search_s: float  # to look for a likelier line than the greedy one
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
        costs = Costs()
        nothing = Written()
        if cancel.cancelled:
            return nothing.completion(costs, FinishReason.CANCELLED)
        prompt, taken = self.prompts.build(request), b""
        if not request.options:  # they begin where the prefix ends, whatever its last token is
            prompt, taken = self.healer.take_back(prompt, request.prefix)
        options = [self.tokenizer.encode(option) for option in request.options]
        longest = max(map(len, options), default=request.max_tokens)
        room = min(len(prompt) + len(taken) + longest, self.context)
        slot, costs.cached_tokens = self.cache.acquire(request.document, prompt, room)
        costs.prompt_tokens = len(prompt)
        if request.prefill_only and costs.cached_tokens == len(prompt) - 1:
            # The last one is run for its logits only.
            return nothing.completion(costs, FinishReason.LENGTH)
        logits = self._prefill(request, prompt, slot.kv, cancel, report, costs)
        if logits is None:
            return nothing.completion(costs, FinishReason.CANCELLED)
        if request.prefill_only:
            return nothing.completion(costs, FinishReason.LENGTH)
        if request.options:
            nats = option_nats(self.session, slot.kv, logits, options, request.effort, cancel)
            reason = FinishReason.CANCELLED if nats is None else FinishReason.STOP
            return replace(nothing.completion(costs, reason), option_nats=nats or ())
        steps = DraftedSteps(
            self.session,
            slot.kv,
            request.effort,
            self.drafts,
            drafting=request.sampling.temperature == 0.0,  # drawn tokens are seldom a draft's
            room=room,
        )
        decoding = Decoding(
            request,
            tokenizer=self.tokenizer,
            vocabulary=self.vocabulary,
            steps=steps,
            context=self.context,
            search_s=self.search_s,
            cancel=cancel,
            costs=costs,
            report=lambda way: report(way.written.completion(costs, None)),
        )
        try:
            way = decoding.run(self._beginning(request, taken), logits)
        finally:
            steps.finish()
        return way.written.completion(costs, way.reason)

    def _beginning(self, request: CompletionRequest, taken: bytes) -> Way:
        rewriting = Rewriting(self.healer, taken)
        expert = None
        if request.workspace_expert:
            expert = WorkspaceExpert(request, self.tokenizer, self.stop_id, rewriting.text)
        return Way(rewriting=rewriting, expert=expert)

    def _prefill(
        self,
        request: CompletionRequest,
        prompt: list[int],
        kv: KvCache,
        cancel: CancelToken,
        report: Report,
        costs: Costs,
    ) -> Floats | None:
        """Run what the cache does not hold; return the logits behind it, None if cancelled."""
        logits: Floats | None = None
        began = time.perf_counter()
        start = costs.cached_tokens
        while start < len(prompt):
            if cancel.cancelled:
                return None
            chunk = prompt[start : start + self.pacer.num_tokens]
            chunk_began = time.perf_counter()
            logits = self.session.run(kv, chunk, request.effort)
            now = time.perf_counter()
            self.pacer.observe(len(chunk), now - chunk_began)
            start += len(chunk)
            costs.ms_prefill = (now - began) * 1e3
            report(Written().completion(costs, None))
        return logits
