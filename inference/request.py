"""What crosses the border of the engine: requests, generations' results, and their settings."""

import math
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from inference.errors import RequestError
from inference.workspace_index import WorkspaceView


class Priority(IntEnum):
    """Order in which the engine's worker takes waiting requests; smaller runs first."""

    INTERACTIVE = 0
    BACKGROUND = 1


class FinishReason(StrEnum):
    """Why a generation ended."""

    STOP = "stop"  # the model emitted a stop token
    LINE = "line"  # single-line request: the line is complete
    SCOPE = "scope"  # multi-line request: the text left the scope of the cursor
    REPETITION = "repetition"  # the text began to repeat itself
    LENGTH = "length"  # max_tokens reached
    CONTEXT = "context"  # the model's context is full
    CANCELLED = "cancelled"
    UNSURE = "unsure"  # less likely than `least_logprob`


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is drawn; temperature 0 is greedy and ignores the rest.

    Raises:
        RequestError: a value is outside its range.
    """

    temperature: float = 0.0  # 0..1
    top_k: int = 0  # 0 = off
    top_p: float = 1.0  # 0 < top_p <= 1
    min_p: float = 0.0  # 0..1, relative to the most likely token
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature <= 1.0:
            raise RequestError(f"temperature must be between 0 and 1, got {self.temperature}")
        if self.top_k < 0:
            raise RequestError(f"top_k must be 0 (off) or more, got {self.top_k}")
        if not 0.0 < self.top_p <= 1.0:
            raise RequestError(f"top_p must be above 0 and at most 1, got {self.top_p}")
        if not 0.0 <= self.min_p <= 1.0:
            raise RequestError(f"min_p must be between 0 and 1, got {self.min_p}")


def parse_effort(text: str) -> float:
    """Turn the user's dial into the graph's `effort` input.

    Args:
        text: `0.5` = half of the model's experts per token, rounded up; `p0.8` = the fewest
            experts that hold 80 % of the router's mass.

    Returns:
        A share in (0, 1], or minus the mass in [-1, 0) for top-p.

    Raises:
        RequestError: neither form, or outside (0, 1].
    """
    number = text.removeprefix("p")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not 0.0 < value <= 1.0:
        raise RequestError(
            f"effort must be a share such as 0.5 or a mass such as p0.8, above 0 and at most 1, "
            f"got {text!r}"
        )
    return -value if text.startswith("p") else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A piece of another file that the prompt may quote."""

    path: str  # workspace-relative, "/" separators
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A document that the workspace expert may match against."""

    key: str  # identity of the document (its URI)
    version: int  # a changed text has another version
    text: str  # "\n" line ends


@dataclass(frozen=True, slots=True, kw_only=True)
class FixTask:
    """A complaint about the lines between prefix and suffix, for models that are trained on it."""

    diagnostic: str  # code and message, on one line
    faulty: str  # the lines as they are, without their last line end


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    r"""One place in one document to complete.

    The text is what the document holds around the cursor, cut by the caller to a window, with
    "\n" line ends; the engine cuts further where the model's context asks for it.
    """

    document: str  # identity for KV slots (a URI or path)
    path: str  # workspace-relative path shown to the model, "" for none
    prefix: str
    suffix: str
    earlier: str = ""  # stands before the prefix in the prompt, and in no document of its own
    # What the prompt shows in its place: an older one that is true enough, still in the KV cache.
    shown_suffix: str | None = None
    borders: tuple[int, ...] = ()  # where in the prefix a definition begins; a good place to cut
    snippets: tuple[Snippet, ...] = ()
    references: tuple[Reference, ...] = ()  # the document itself, and what `workspace` lacks
    workspace: WorkspaceView | None = field(default=None, repr=False)
    candidates: tuple[str, ...] = field(default=(), repr=False)  # names, see `Candidates`
    max_tokens: int = 64
    multi_line: bool = False
    least_logprob: float | None = None  # nats; of a less likely text no more is written
    require_text: bool = False  # an explicit request: do not stop before a visible character
    # The first token is none that one of these begins with, if there is another: alternatives.
    unlike: tuple[str, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    effort: float = 1.0  # see parse_effort
    workspace_expert: bool = True  # False: the network alone, as benchmarks compare
    priority: Priority = Priority.INTERACTIVE
    prefill_only: bool = False  # read the prompt for a later request, write nothing; see Engine
    # Write nothing, but say how likely each of these texts is behind the prefix: `option_nats`.
    options: tuple[str, ...] = ()
    docstring: bool = False  # the place stands behind a signature, or in a docstring there
    fix: FixTask | None = None  # write lines that a checker complains of anew

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise RequestError(f"max_tokens must be 1 or more, got {self.max_tokens}")
        if not (0.0 < self.effort <= 1.0 or -1.0 <= self.effort < 0.0):
            raise RequestError(
                f"effort must be in (0, 1] or, as a mass, in [-1, 0), got {self.effort}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A finished (or so far generated) completion with what it cost."""

    text: str
    finish_reason: FinishReason | None  # None while the generation still runs
    tokens: int  # generated
    prompt_tokens: int
    cached_tokens: int  # of the prompt, taken from the KV cache
    mean_logprob: float  # nats per token, of the mixed distribution; 0.0 if no token
    min_logprob: float
    token_ends: tuple[int, ...]  # per token, how many characters of `text` stand behind it
    token_logprobs: tuple[float, ...]  # per token, nats, of the mixed distribution
    drafted_tokens: int  # of `tokens`, how many the workspace expert had foretold
    ms_prefill: float
    ms_decode: float
    option_nats: tuple[
        float, ...
    ] = ()  # minus the log-probability of each of the request's options
    decoded_tokens: int = 0  # `tokens`, those of old text, and those of ways that were given up


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """What the engine is doing, for `mixline/status`, `mixline doctor` and tests."""

    busy: bool  # a generation is running
    waiting: int  # requests not yet started
    generations: int  # started since the engine was opened (a forward pass was run)
    generated_tokens: int
    prompt_tokens: int  # of all generations
    cached_tokens: int  # of these, taken from the KV cache
    read_ahead_tokens: int  # of prompts with `prefill_only`, not in the cache; counted only here
    kv_slots: int
    kv_tokens: int  # tokens held over all slots
    kv_budget_tokens: int
    kv_bytes: int
