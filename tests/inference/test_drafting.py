"""Drafts that are read along: when they pay, and that they change nothing but the time."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.cancel import CancelToken
from inference.config import EngineConfig
from inference.drafting import LENGTHS, DraftCosts, DraftedSteps
from inference.generate import Generator
from inference.loading import load
from inference.request import Completion, CompletionRequest, Reference, Sampling

MakeRequest = Callable[..., CompletionRequest]
MS = 1e-3


class Always(DraftCosts):
    """Has three tokens read along wherever there are so many."""

    def __init__(self) -> None:
        super().__init__()
        self.offered = self.accepted = 0

    def wants_draft(self) -> bool:
        return True

    def length(self, available: int, visible: int) -> int:  # noqa: ARG002
        return min(available, 3)

    def observe_draft(self, visible: int, accepted: int, offered: int) -> None:  # noqa: ARG002
        self.offered += offered
        self.accepted += accepted


class Never(DraftCosts):
    """Has nothing read along."""

    def wants_draft(self) -> bool:
        return False


def costs(single_ms: float, more_ms: float, right: int, wrong: int) -> DraftCosts:
    """Return what is known after passes and drafts of these costs and outcomes."""
    made = DraftCosts()
    for _ in range(20):
        made.observe_pass(1, single_ms * MS)
        for length in LENGTHS:
            made.observe_pass(1 + length, (single_ms + more_ms * length) * MS)
    for number in range(200):
        made.observe_draft(40, int(number % (right + wrong) < right), 1)
    return made


def test_cheap_and_right_drafts_are_read_along() -> None:
    """The more, the surer they are; never more than there are."""
    cheap = costs(10.0, 1.0, right=9, wrong=1)

    assert cheap.length(99, 40) == 7
    assert cheap.length(5, 40) == 3
    assert cheap.length(0, 40) == 0
    assert costs(10.0, 1.0, right=1, wrong=1).length(99, 40) in {1, 3}


@pytest.mark.parametrize(("more_ms", "right"), [(10.0, 9), (1.0, 0)])
def test_drafts_that_do_not_pay_are_left(more_ms: float, right: int) -> None:
    """Where every token costs as much as alone, and where none is right; then some are tried."""
    dear = costs(10.0, more_ms, right=right, wrong=10 - right)
    assert dear.length(99, 40) == 0
    wanted = [dear.wants_draft() for _ in range(1000)]
    assert wanted.count(True) in {800, 1000}  # other classes of drafts may still pay

    assert dear.length(99, 40) > 0
    dear.observe_draft(40, 0, 1)
    assert dear.length(99, 40) == 0


def test_nothing_is_decided_before_it_was_measured() -> None:
    """First a plain step, then each length a few times."""
    new = DraftCosts()
    assert new.length(9, 0) == 0
    new.observe_pass(1, 10 * MS)
    seen = []
    for _ in range(6):
        seen.append(new.length(9, 0))
        new.observe_pass(1 + seen[-1], 100 * MS)

    assert seen == [1, 1, 3, 3, 7, 7]
    assert new.length(9, 0) == 0


def test_a_stalled_pass_changes_little() -> None:
    """What the machine did meanwhile says nothing about the model."""
    steady = costs(10.0, 1.0, right=9, wrong=1)
    for _ in range(3):
        steady.observe_pass(8, 5.0)

    assert steady.length(99, 40) in {3, 7}


@pytest.fixture(scope="module")
def tiny(tiny_model: Path) -> Generator:
    """The parts of a tiny model."""
    return load(tiny_model, EngineConfig(threads=1), lambda *_: None)[0]


def test_logits_and_cache_are_those_of_single_steps(tiny: Generator) -> None:
    """Along the draft and after leaving it."""
    prompt, chosen = [20, 21, 22, 23], [30, 31, 32, 40, 41]

    def run(costs: DraftCosts, drafts: dict[int, list[int]]) -> tuple[list[object], list[int]]:
        slot, _ = tiny.cache.acquire(repr(costs), prompt, 64)
        tiny.session.run(slot.kv, prompt[len(slot.kv.tokens) :], 1.0)
        steps = DraftedSteps(tiny.session, slot.kv, 1.0, costs, drafting=True, room=64)
        rows: list[object] = []
        for number, token in enumerate(chosen):
            draft = drafts.get(token, [])
            rows.append(np.array(steps.logits(token, lambda d=draft: (d, 0), 9)))  # type: ignore[misc]
            assert steps.num_tokens == len(prompt) + number + 1
        steps.finish()
        return rows, list(slot.kv.tokens)

    counted = Always()
    plain, tokens = run(Never(), {})
    drafted, same_tokens = run(counted, {30: [31, 32, 33], 40: [41]})

    assert tokens == same_tokens == prompt + chosen
    assert (counted.offered, counted.accepted) == (4, 3)
    np.testing.assert_allclose(np.array(drafted), np.array(plain), atol=1e-4)


def test_other_ways_are_gone_when_one_is_resumed(tiny: Generator) -> None:
    """Behind tokens that replace others the logits are those of a cache that never had these."""
    prompt = [20, 21, 22, 23]
    slot, _ = tiny.cache.acquire("plain", prompt, 64)
    tiny.session.run(slot.kv, prompt[len(slot.kv.tokens) :], 1.0)
    plain = np.array(tiny.session.run(slot.kv, [30, 31, 32], 1.0))

    slot, _ = tiny.cache.acquire("ways", prompt, 64)
    tiny.session.run(slot.kv, prompt[len(slot.kv.tokens) :], 1.0)
    steps = DraftedSteps(tiny.session, slot.kv, 1.0, Always(), drafting=True, room=64)
    steps.logits(30, lambda: ([31, 32, 33], 0), 9)
    steps.rewind(5)
    steps.logits(40, lambda: ([41], 0), 9)
    resumed = np.array(steps.resume(4, [30, 31, 32]))

    np.testing.assert_allclose(resumed, plain, atol=1e-4)
    assert slot.kv.tokens == [*prompt, 30, 31, 32]


def test_drafts_stay_within_their_room(tiny: Generator) -> None:
    """Neither more than there is room for nor more than may be of use."""
    for room, most, held in ((6, 9, 6), (64, 1, 5)):
        slot, _ = tiny.cache.acquire(f"{room}", [20, 21, 22], 64)
        tiny.session.run(slot.kv, [20, 21, 22][len(slot.kv.tokens) :], 1.0)
        steps = DraftedSteps(tiny.session, slot.kv, 1.0, Always(), drafting=True, room=room)
        steps.logits(30, lambda: ([31, 32, 33], 0), most)

        assert len(slot.kv.tokens) == held
        assert steps.num_tokens == 4


def generate(generator: Generator, request: CompletionRequest, costs: DraftCosts) -> Completion:
    """Run a request."""
    return replace(generator, drafts=costs).generate(request, CancelToken(), lambda _: None)


@pytest.mark.parametrize("multi_line", [False, True])
def test_texts_are_the_same_with_and_without(
    shipped_model: Path, project_sources: dict[str, str], multi_line: bool
) -> None:
    """With the shipped model, at many places of the project, each second file open twice."""
    config = EngineConfig(threads=1, search_ms=math.inf)  # whatever else the machine does
    generator, _ = load(shipped_model, config, lambda *_: None)
    counted = Always()
    for number, text in enumerate(sorted(project_sources.values(), key=len)[-24:]):
        at = 500 + 37 * number
        copy = (Reference(key="copy", version=1, text=text),) if number % 2 else ()
        request = CompletionRequest(
            document="a",
            path="a.py",
            prefix=text[:at],
            suffix=text[text.find("\n", at) :],
            references=copy,
            max_tokens=24,
            multi_line=multi_line,
        )
        plain = generate(generator, request, Never())
        drafted = generate(generator, request, counted)

        assert (drafted.text, drafted.finish_reason) == (plain.text, plain.finish_reason)
        assert drafted.token_ends == plain.token_ends
        np.testing.assert_allclose(drafted.token_logprobs, plain.token_logprobs, atol=0.02)
    assert counted.accepted > 100


def test_drawn_tokens_have_no_drafts(tiny: Generator, make_request: MakeRequest) -> None:
    """Nothing is read along above temperature 0, and without the workspace expert."""
    line = "connection = open_connection(host, port)\n"
    counted = Always()
    for changes in ({"sampling": Sampling(temperature=0.5)}, {"workspace_expert": False}):
        given = {"suffix": "", "workspace_expert": True, "max_tokens": 20, **changes}
        generate(tiny, make_request(line * 5 + "connection", **given), counted)
    assert counted.offered == 0
    generate(tiny, make_request(line * 5 + "connection", workspace_expert=True), counted)

    assert counted.offered > 0
