"""How likely a suggestion is what the user would write, by the model's own probabilities."""

import math
from collections.abc import Callable
from typing import Final

from inference import Completion
from lsp_server.postprocess.doubt import no_doubt

# Where nothing else speaks against it, a line is a little likelier right than network and workspace
# expert together believe. Fitted on lines of repositories that are neither trained on nor used for
# figures; `mixline eval gate` shows how well it fits.
CALIBRATION: Final = 0.8
_NEARLY: Final = 1e-9  # kept from certainty, which no doubt could move


def confidence(completion: Completion, start: int, end: int) -> float:
    """Return the probability that a piece of a completion is right, its end included.

    The probability of every token of the piece, and of the one that ends it, to the power of
    `CALIBRATION`; a token that is typed already in part counts for what is left of it.

    Args:
        completion: what the model wrote.
        start: how many characters of it are typed already.
        end: where the piece ends: at a line end of the text, or at its end.
    """
    return math.exp(CALIBRATION * logprob(completion, start, end))


def logprob(completion: Completion, start: int, end: int) -> float:
    """Return the nats of the same tokens, counted in the same way."""
    total = 0.0
    token_start = 0
    for token_end, nats in zip(completion.token_ends, completion.token_logprobs, strict=True):
        if token_start > end:
            break
        if token_end > start:
            length = token_end - token_start
            total += nats * ((token_end - max(token_start, start)) / length if length else 1.0)
        token_start = token_end
    return total


def least_logprob(minimum: float, doubt: float) -> float | None:
    """Return the nats below which a text cannot pass a gate any more, whatever follows.

    A token more makes no text likelier, and of the doubts none speaks for it.

    Args:
        minimum: the least confidence.
        doubt: what is known to speak against anything there, in log-odds.
    """
    if minimum <= 0.0:
        return None
    return math.log(doubted(minimum, -doubt)) / CALIBRATION - _NEARLY


def doubted(confidence: float, doubt: float) -> float:
    """Return a probability whose log-odds are moved by a doubt."""
    if not doubt:
        return confidence
    chance = min(max(confidence, _NEARLY), 1.0 - _NEARLY)
    return 1.0 / (1.0 + math.exp(-doubt) * (1.0 - chance) / chance)


def confident_end(
    completion: Completion,
    start: int,
    end: int,
    minimum: float,
    doubt: Callable[[str], float] = no_doubt,
) -> int:
    """Return where the longest run of whole lines ends of which the model is sure enough.

    Args:
        completion: what the model wrote.
        start: how many characters of it are typed already.
        end: how much of it may be shown.
        minimum: the least confidence.
        doubt: what is added to the log-odds of a text; never above 0.

    Returns:
        `start` if not even the first line is sure enough.
    """
    text = completion.text
    line_ends = [at for at in range(start, end) if text[at] == "\n" and text[start:at].strip()]
    for at in (end, *reversed(line_ends)):
        sure = confidence(completion, start, at)
        # What is not sure enough before any doubt is not worth looking at.
        if sure >= minimum and doubted(sure, doubt(text[start:at])) >= minimum:
            return at
    return start
