"""Confidence: from the probabilities of tokens to how much of a text is shown."""

import math

import pytest

from inference import Completion, FinishReason
from lsp_server.postprocess.confidence import (
    CALIBRATION,
    confidence,
    confident_end,
    doubted,
    least_logprob,
)


def completion(*tokens: tuple[str, float]) -> Completion:
    """Return a completion of tokens with their log-probabilities."""
    ends = [len("".join(text for text, _ in tokens[: count + 1])) for count in range(len(tokens))]
    return Completion(
        text="".join(text for text, _ in tokens),
        finish_reason=FinishReason.LINE,
        tokens=len(tokens),
        prompt_tokens=1,
        cached_tokens=0,
        mean_logprob=0.0,
        min_logprob=0.0,
        token_ends=tuple(ends),
        token_logprobs=tuple(logprob for _, logprob in tokens),
        drafted_tokens=0,
        ms_prefill=0.0,
        ms_decode=0.0,
    )


def logs(value: float) -> float:
    """Return the sum of log-probabilities behind a confidence."""
    return math.log(value) / CALIBRATION


def test_all_tokens_of_a_line_count_and_the_one_that_ends_it() -> None:
    """The end of a single line is a token without text."""
    line = completion(("ab", -0.1), ("cd", -0.2), ("", -0.3))

    assert logs(confidence(line, 0, 4)) == pytest.approx(-0.6)


def test_typed_tokens_no_longer_count() -> None:
    """What the user has typed is certain; half a token counts half."""
    line = completion(("ab", -0.1), ("cd", -0.2), ("", -0.3))

    assert logs(confidence(line, 2, 4)) == pytest.approx(-0.5)
    assert logs(confidence(line, 3, 4)) == pytest.approx(-0.4)


def test_the_sure_lines_are_kept() -> None:
    """A line that is not sure enough takes those behind it along."""
    text = completion(("a", -0.05), ("\n", -0.01), ("b", -0.1), ("\n", -0.01), ("c", -3.0))

    assert confident_end(text, 0, 5, 0.7) == 3
    assert confident_end(text, 0, 5, 0.9) == 1
    assert confident_end(text, 0, 5, 0.99) == 0
    assert confident_end(text, 0, 5, 0.001) == 5


def test_a_blank_line_alone_is_never_kept() -> None:
    """Lines end behind something visible."""
    text = completion(("\n", 0.0), ("\n", 0.0), ("b", -9.0), ("\n", 0.0))

    assert confident_end(text, 0, 4, 0.5) == 0


def test_a_doubt_moves_the_log_odds() -> None:
    """Never past certainty, and not at all where there is none."""
    assert doubted(0.5, -2.0) == pytest.approx(1 / (1 + math.exp(2.0)))
    assert doubted(doubted(0.8, -2.0), 2.0) == pytest.approx(0.8)
    assert doubted(1.0, -3.0) < 1.0
    assert doubted(0.0, -3.0) >= 0.0
    assert doubted(1.0, 0.0) == 1.0


def test_a_doubtful_line_takes_those_behind_it_along() -> None:
    """Only as much is shown as stands without the doubt."""
    text = completion(("a", -0.01), ("\n", -0.01), ("b", -0.01))
    asked = []

    def doubt(piece: str) -> float:
        asked.append(piece)
        return -5.0 if "b" in piece else 0.0

    assert confident_end(text, 0, 3, 0.7, doubt) == 1
    assert asked == ["a\nb", "a"]
    assert confident_end(text, 0, 3, 0.9999, doubt) == 0
    assert len(asked) == 2  # what is not sure enough is not asked about


@pytest.mark.parametrize("minimum", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("doubt", [0.0, -0.2, -3.7])
def test_the_least_logprob_is_where_the_gate_closes(minimum: float, doubt: float) -> None:
    """A text of so many nats just passes, with the doubt that is known; one of less does not."""
    least = least_logprob(minimum, doubt)
    assert least is not None

    def end(nats: float) -> int:
        return confident_end(completion(("ab", nats)), 0, 2, minimum, lambda _: doubt)

    assert end(least + 1e-6) == 2
    assert end(least - 1e-6) == 0


def test_a_gate_that_lets_everything_pass_gives_nothing_up() -> None:
    """A threshold of 0."""
    assert least_logprob(0.0, -0.2) is None
