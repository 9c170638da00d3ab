"""chrF and BLEU-4 of many short texts, as sacrebleu computes them with its defaults.

chrF: Popovic (2015), character n-grams up to 6 without blanks, recall counts twice (beta 2), counts
summed over the corpus. BLEU: Papineni et al. (2002), words of the tokeniser "13a" of NIST's
mteval-v13a, n-grams up to 4, a count of zero is halved again and again (smoothing "exp").
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Counts: TypeAlias = npt.NDArray[np.float64]  # per size: of the text, the reference, both

_CHARACTERS: Final = 6
_WORDS: Final = 4
_BETA: Final = 2.0
_NONE: Final = np.zeros((_CHARACTERS, 3))
# The replacements of mteval-v13a, in its order.
_PUNCTUATION: Final = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)


def chrf(texts: Sequence[str], references: Sequence[str]) -> float:
    """Return chrF2 from 0 to 100."""
    return chrf_of(sum(map(chrf_counts, texts, references), start=_NONE))


def chrf_counts(text: str, reference: str) -> Counts:
    """Return, for each size, the n-grams of a text, of its reference, and of both; to be summed."""
    one, other = "".join(text.split()), "".join(reference.split())
    counts = np.zeros((_CHARACTERS, 3))
    for size, row in enumerate(counts, start=1):
        ours, theirs = _ngrams(one, size), _ngrams(other, size)
        # sacrebleu counts a text only at sizes for which it has a reference.
        row[:] = (
            sum(ours.values()) if theirs else 0,
            sum(theirs.values()),
            sum((ours & theirs).values()),
        )
    return counts


def chrf_of(counts: Counts) -> float:
    """Return chrF2 of summed counts."""
    score, orders = 0.0, 0
    for guessed, wanted, both in counts.tolist():
        if guessed and wanted:
            orders += 1
            precision, recall = both / guessed, both / wanted
            if precision + recall:
                factor = _BETA**2
                score += (1 + factor) * precision * recall / (factor * precision + recall)
    return 100 * score / orders if orders else 0.0


def bleu(texts: Sequence[str], references: Sequence[str]) -> float:
    """Return BLEU-4 from 0 to 100."""
    right, total = [0] * _WORDS, [0] * _WORDS
    length = reference_length = 0
    for text, reference in zip(texts, references, strict=True):
        ours, theirs = words_13a(text), words_13a(reference)
        length += len(ours)
        reference_length += len(theirs)
        for size in range(1, _WORDS + 1):
            one, other = _ngrams(tuple(ours), size), _ngrams(tuple(theirs), size)
            total[size - 1] += sum(one.values())
            right[size - 1] += sum((one & other).values())
    if not length or not total[-1]:
        return 0.0
    logs, smooth = 0.0, 1.0
    for hits, count in zip(right, total, strict=True):
        if not hits:
            smooth *= 2
        logs += math.log((hits or 1 / smooth) / count)
    short = math.exp(1 - reference_length / length) if length < reference_length else 1.0
    return 100 * short * math.exp(logs / _WORDS) if any(right) else 0.0


def words_13a(text: str) -> list[str]:
    """Return the words of a text."""
    text = f" {' '.join(text.split())} "
    for pattern, replacement in _PUNCTUATION:
        text = pattern.sub(replacement, text)
    return text.split()


def _ngrams(items: str | tuple[str, ...], size: int) -> Counter[str | tuple[str, ...]]:
    return Counter(items[at : at + size] for at in range(len(items) - size + 1))
