"""A line that is likelier than the greedy one is found, and never a less likely one."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference import Completion, CompletionRequest, EngineConfig, FinishReason
from inference.cancel import CancelToken
from inference.generate import Generator
from inference.healing import Healer, Rewriting
from inference.line_ends import NO_LINE_ENDS, LineEnds
from inference.line_search import Frontier, Pick
from inference.loading import load
from inference.tokenizer import Tokenizer
from inference.writing import Way

VOCABULARY = 8
PLACES = 12


def pick(token: int) -> Pick:
    """Return a token as a way takes it."""
    return Pick(token=token, logprob=-1.0, line_logprob=-1.0, drafted=False)


@pytest.fixture
def way(tiny_tokenizer: Path) -> Way:
    """Return a way that stands at its beginning."""
    healer = Healer(Tokenizer.open(tiny_tokenizer), size=600)
    return Way(rewriting=Rewriting(healer, b""), expert=None)


def likely(**chances: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Return probabilities of tokens t0, t1, ..."""
    found = np.zeros(VOCABULARY, dtype=np.float32)
    for name, chance in chances.items():
        found[int(name[1:])] = chance
    return found


def test_the_likeliest_fork_comes_first(way: Way) -> None:
    """By the probability of the whole way; what is not likelier than the best line never comes."""
    frontier = Frontier()
    frontier.add(way, 7, likely(t0=0.6, t1=0.3, t2=0.1), pick(0), None, NO_LINE_ENDS)
    way.logprob = math.log(0.5)
    frontier.add(way, 8, likely(t3=0.5, t4=0.45, t5=0.005), pick(3), None, NO_LINE_ENDS)

    found = []
    while (fork := frontier.pop(math.log(0.05))) is not None:
        found.append((fork.pick.token, fork.num_tokens))
        assert fork.logprob > math.log(0.05)

    assert found == [(1, 7), (4, 8), (2, 7)]


def test_tokens_that_end_the_line_alike_count_once(way: Way) -> None:
    """Their probabilities belong together, and the way has no fork at them."""
    ends = LineEnds.among([(b"\n", 0), (b"\n    ", 1), (b")\n", 2), (b")\n ", 3)], frozenset())
    frontier = Frontier()
    chances = likely(t0=0.3, t1=0.4, t2=0.1, t3=0.2)

    taken = frontier.add(way, 1, chances, pick(1), None, ends)
    fork = frontier.pop(-math.inf)

    assert taken.token == 1
    assert taken.line_logprob == pytest.approx(math.log(0.7))
    assert fork is not None
    assert fork.pick.token == 3
    assert fork.pick.logprob == pytest.approx(math.log(0.2))
    assert fork.pick.line_logprob == pytest.approx(math.log(0.3))
    assert frontier.pop(-math.inf) is None


def test_a_fork_is_a_way_of_its_own(way: Way) -> None:
    """What one of two writes, the other does not have."""
    way.decoder.push("é".encode()[:1])
    other = way.fork()
    other.chosen.append(3)
    other.written.ends.append(1)
    other.rewriting.consume(b"x")

    assert other.decoder.push("é".encode()[1:]) == "é"
    assert way.decoder.push("é".encode()[1:]) == "é"
    assert (way.chosen, way.written.ends) == ([], [])


def complete(generator: Generator, request: CompletionRequest) -> Completion:
    """Run a request."""
    return generator.generate(request, CancelToken(), lambda _: None)


def test_lines_are_at_least_as_likely_as_the_greedy_ones(
    shipped_model: Path, project_sources: dict[str, str]
) -> None:
    """With the shipped model, in this project's files; some are likelier, and none is cut short."""
    greedy, _ = load(shipped_model, EngineConfig(threads=1, search_ms=0), lambda *_: None)
    searching, _ = load(shipped_model, EngineConfig(threads=1, search_ms=math.inf), lambda *_: None)
    better = 0
    for number, text in enumerate(sorted(project_sources.values(), key=len)[-PLACES:]):
        line = text.index("\n", 700 + 61 * number) + 1
        request = CompletionRequest(
            document="a",
            path="a.py",
            prefix=text[: line + 6],
            suffix=text[text.index("\n", line + 6) :],
            multi_line=False,
        )
        plain, searched = complete(greedy, request), complete(searching, request)

        if searched.text == plain.text:
            continue
        # The old text that both write first is not in the figures; it may shift them a little.
        assert sum(searched.token_logprobs) > sum(plain.token_logprobs) - 0.5
        better += sum(searched.token_logprobs) > sum(plain.token_logprobs) + 0.5
        assert searched.finish_reason in {FinishReason.LINE, FinishReason.STOP}
        assert searched.decoded_tokens > searched.tokens
    assert better >= 1


def test_further_lines_follow_the_line_that_was_found(
    shipped_model: Path, project_sources: dict[str, str]
) -> None:
    """Where that is the greedy line, all of the text is as without a search."""
    greedy, _ = load(shipped_model, EngineConfig(threads=1, search_ms=0), lambda *_: None)
    searching, _ = load(shipped_model, EngineConfig(threads=1, search_ms=math.inf), lambda *_: None)
    same = other = 0
    for number, text in enumerate(sorted(project_sources.values(), key=len)[-PLACES:]):
        at = text.index("\n", 700 + 61 * number) + 5
        request = CompletionRequest(
            document="a",
            path="a.py",
            prefix=text[:at],
            suffix=text[text.index("\n", at) :],
            multi_line=True,
            max_tokens=40,
        )
        plain, searched = complete(greedy, request), complete(searching, request)
        line = plain.text.lstrip().partition("\n")[0]
        if searched.text.lstrip().partition("\n")[0] == line and searched.tokens == plain.tokens:
            assert searched.text == plain.text
            same += "\n" in plain.text.strip()
        other += searched.text != plain.text
    assert same >= 1
    assert other >= 1


def test_a_cancelled_search_keeps_the_greedy_line(
    shipped_model: Path, project_sources: dict[str, str]
) -> None:
    """The line that is there is the answer, also where the search would have found another."""
    greedy, _ = load(shipped_model, EngineConfig(threads=1, search_ms=0), lambda *_: None)
    searching, _ = load(shipped_model, EngineConfig(threads=1, search_ms=math.inf), lambda *_: None)
    others = 0
    for number, text in enumerate(sorted(project_sources.values(), key=len)[-PLACES:]):
        line = text.index("\n", 700 + 61 * number) + 1
        request = CompletionRequest(
            document="a", path="a.py", prefix=text[: line + 6], suffix="", multi_line=False
        )
        plain = complete(greedy, request)
        others += complete(searching, request).text != plain.text
        cancel = CancelToken()

        def report(
            completion: Completion, cancel: CancelToken = cancel, plain: Completion = plain
        ) -> None:
            if completion.text == plain.text:
                cancel.cancel()

        assert searching.generate(request, cancel, report).text == plain.text
    assert others >= 1


def test_cancelled_in_the_search_no_line_is_begun(shipped_model: Path) -> None:
    """Cancelled when the first of several lines is there, the model does not run any more."""
    searching, _ = load(shipped_model, EngineConfig(threads=1, search_ms=math.inf), lambda *_: None)
    block = "def f(a):\n    first = load(a)\n    second = parse(first)\n    return second\n\n\n"
    prefix = block * 5 + block[: block.index("load")]
    request = CompletionRequest(
        document="a", path="a.py", prefix=prefix, suffix="", multi_line=True
    )
    assert "\n" in complete(searching, request).text.strip()
    cancel = CancelToken()
    decoded: list[int] = []

    def report(completion: Completion) -> None:
        if "\n" in completion.text.lstrip():
            decoded.append(completion.decoded_tokens)
            if len(decoded) == 2:  # the first was told before the search began
                cancel.cancel()

    cancelled = searching.generate(request, cancel, report)

    assert cancelled.finish_reason is FinishReason.CANCELLED
    assert cancelled.decoded_tokens == decoded[1] == decoded[0]


def test_what_cannot_become_likely_enough_is_given_up(
    shipped_model: Path, project_sources: dict[str, str]
) -> None:
    """As soon as that is certain; a line that is likely enough is found as without a limit.

    Other tokens may spell it, if they are no less likely together.
    """
    generator, _ = load(shipped_model, EngineConfig(threads=1, search_ms=math.inf), lambda *_: None)
    given_up = 0
    for number, text in enumerate(sorted(project_sources.values(), key=len)[-PLACES:]):
        line = text.index("\n", 700 + 61 * number) + 1
        request = CompletionRequest(
            document="a", path="a.py", prefix=text[: line + 6], suffix="", multi_line=False
        )
        whole = complete(generator, request)
        logprob = sum(whole.token_logprobs)
        likely = complete(generator, replace(request, least_logprob=logprob - 0.01))
        least = logprob / 2
        unlikely = complete(generator, replace(request, least_logprob=least))

        assert likely.text == whole.text
        assert sum(likely.token_logprobs) > logprob - 0.01
        if unlikely.finish_reason is FinishReason.UNSURE:
            assert sum(unlikely.token_logprobs[:-1]) >= least > sum(unlikely.token_logprobs)
            given_up += unlikely.decoded_tokens < whole.decoded_tokens
    assert given_up >= PLACES // 2
