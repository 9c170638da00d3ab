"""How likely a suggestion is what the user would write, by the model's own probabilities."""

import math
from typing import Final

from inference import Completion

# The mixture of network and workspace expert is a little surer of a line than it is right. Fitted
# on lines of repositories that are neither trained on nor used for figures, by `mixline eval gate`.
CALIBRATION: Final = 1.05


def confidence(completion: Completion, start: int, end: int) -> float:
    """Return the probability that a piece of a completion is right, its end included.

    The probability of every token of the piece, and of the one that ends it, to the power of
    `CALIBRATION`; a token that is typed already in part counts for what is left of it.

    Args:
        completion: what the model wrote.
        start: how many characters of it are typed already.
        end: where the piece ends: at a line end of the text, or at its end.
    """
    total = 0.0
    token_start = 0
    for token_end, logprob in zip(completion.token_ends, completion.token_logprobs, strict=True):
        if token_start > end:
            break
        if token_end > start:
            length = token_end - token_start
            total += logprob * ((token_end - max(token_start, start)) / length if length else 1.0)
        token_start = token_end
    return math.exp(CALIBRATION * total)


def confident_end(completion: Completion, start: int, end: int, minimum: float) -> int:
    """Return where the longest run of whole lines ends of which the model is sure enough.

    Args:
        completion: what the model wrote.
        start: how many characters of it are typed already.
        end: how much of it may be shown.
        minimum: the least confidence.

    Returns:
        `start` if not even the first line is sure enough.
    """
    text = completion.text
    line_ends = [at for at in range(start, end) if text[at] == "\n" and text[start:at].strip()]
    for at in (end, *reversed(line_ends)):
        if confidence(completion, start, at) >= minimum:
            return at
    return start
