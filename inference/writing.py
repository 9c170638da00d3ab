"""One way to write a completion: what was chosen so far, and everything that follows from it."""

import copy
from dataclasses import dataclass, field
from typing import Self

from inference.healing import Rewriting
from inference.request import Completion, FinishReason
from inference.tokenizer import TextDecoder
from inference.workspace_expert import WorkspaceExpert


@dataclass(slots=True, kw_only=True)
class Costs:
    """What a generation has taken so far."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    decoded_tokens: int = 0  # of all ways
    ms_prefill: float = 0.0
    ms_decode: float = 0.0


@dataclass(slots=True, kw_only=True)
class Written:
    """The new text and the tokens that it consists of."""

    text: str = ""
    tokens: int = 0
    drafted_tokens: int = 0
    ends: list[int] = field(default_factory=list)  # of `text`, behind each token
    logprobs: list[float] = field(default_factory=list)

    @property
    def logprob(self) -> float:
        """Nats, of all tokens that the text has something of."""
        return sum(
            logprob for end, logprob in zip(self.ends, self.logprobs, strict=False) if end > 0
        )

    def copy(self) -> Self:
        """Return an independent copy."""
        other = copy.copy(self)
        other.ends, other.logprobs = self.ends.copy(), self.logprobs.copy()
        return other

    def completion(self, costs: Costs, reason: FinishReason | None) -> Completion:
        """Return the state as what the engine hands out."""
        return Completion(
            text=self.text,
            finish_reason=reason,
            tokens=self.tokens,
            prompt_tokens=costs.prompt_tokens,
            cached_tokens=costs.cached_tokens,
            mean_logprob=sum(self.logprobs) / max(self.tokens, 1),
            min_logprob=min(self.logprobs, default=0.0),
            token_ends=tuple(self.ends),
            token_logprobs=tuple(self.logprobs[: len(self.ends)]),
            drafted_tokens=self.drafted_tokens,
            ms_prefill=costs.ms_prefill,
            ms_decode=costs.ms_decode,
            decoded_tokens=costs.decoded_tokens,
        )


@dataclass(slots=True, kw_only=True, eq=False)
class Way:
    """A way as far as it goes; a fork of it goes on by itself."""

    rewriting: Rewriting
    expert: WorkspaceExpert | None
    decoder: TextDecoder = field(default_factory=TextDecoder)
    written: Written = field(default_factory=Written)
    chosen: list[int] = field(default_factory=list)  # tokens, those that write old text included
    logprob: float = 0.0  # nats, of all of them together
    reason: FinishReason | None = None  # why it has ended

    @property
    def has_line(self) -> bool:
        """Whether a line with something visible is complete."""
        return "\n" in self.written.text.lstrip()

    def fork(self) -> Self:
        """Return a way that is the same so far."""
        other = copy.copy(self)
        other.rewriting, other.expert = copy.copy(self.rewriting), copy.copy(self.expert)
        other.decoder, other.written = self.decoder.copy(), self.written.copy()
        other.chosen = self.chosen.copy()
        return other
