"""Choosing a token."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import ModelDirectoryError
from inference.request import Sampling
from inference.sampling import Choice, Hint, choose, distribution, draw, generator, mix

# V vocabulary
LOGITS = np.log(np.array([0.5, 0.3, 0.15, 0.05], dtype=np.float32))


def pick(
    logits: np.ndarray, sampling: Sampling, rng: np.random.Generator, hint: Hint | None = None
) -> Choice:
    """Choose from logits, as a generation does."""
    probabilities = distribution(logits)
    if hint is not None:
        mix(probabilities, hint)
    return choose(probabilities, sampling, rng)


def hint_of(weights: dict[int, float]) -> Hint:
    """Return a hint by token."""
    return Hint(
        tokens=np.asarray(list(weights), dtype=np.intp),
        weights=np.asarray(list(weights.values()), dtype=np.float32),
    )


def counts(sampling: Sampling, logits: np.ndarray = LOGITS, draws: int = 4000) -> np.ndarray:
    """Return how often each token is drawn."""
    rng = generator(0)
    tokens = [pick(logits, sampling, rng).token for _ in range(draws)]
    return np.bincount(tokens, minlength=logits.size)


def test_greedy_takes_the_most_likely() -> None:
    """Temperature 0: the peak, with its log-probability."""
    choice = pick(LOGITS + 3, Sampling(), generator(0))

    assert choice.token == 0
    assert choice.logprob == pytest.approx(math.log(0.5), abs=1e-6)


def test_greedy_draws_nothing() -> None:
    """Temperature 0 leaves the random stream alone."""
    rng = generator(5)
    pick(LOGITS, Sampling(), rng)

    assert rng.random() == generator(5).random()


def test_temperature_one_draws_the_distribution() -> None:
    """4,000 draws lie within five standard deviations of the probabilities."""
    drawn = counts(Sampling(temperature=1.0)) / 4000

    for share, expected in zip(drawn, np.exp(LOGITS), strict=True):
        assert abs(share - expected) < 5 * math.sqrt(expected * (1 - expected) / 4000)


def test_temperature_sharpens_by_its_power() -> None:
    """Temperature 0.5 squares the probabilities; the reported log-probability stays that of 1."""
    squared = np.exp(2 * LOGITS) / np.exp(2 * LOGITS).sum()
    drawn = counts(Sampling(temperature=0.5)) / 4000

    assert abs(drawn[0] - squared[0]) < 5 * math.sqrt(squared[0] * (1 - squared[0]) / 4000)
    choice = pick(LOGITS, Sampling(temperature=0.5, top_k=1), generator(0))
    assert choice.logprob == pytest.approx(math.log(0.5), abs=1e-6)


@pytest.mark.parametrize(
    ("sampling", "allowed"),
    [
        (Sampling(temperature=1.0, top_k=2), {0, 1}),
        (Sampling(temperature=1.0, top_k=9), {0, 1, 2, 3}),
        (Sampling(temperature=1.0, top_p=0.79), {0, 1}),
        (Sampling(temperature=1.0, top_p=0.81), {0, 1, 2}),
        (Sampling(temperature=1.0, top_p=1e-9), {0}),
        (Sampling(temperature=1.0, min_p=0.25), {0, 1, 2}),
        (Sampling(temperature=1.0, min_p=1.0), {0}),
        (Sampling(temperature=1e-300), {0}),
    ],
)
def test_filters_keep_exactly(sampling: Sampling, allowed: set[int]) -> None:
    """Each filter alone lets through the tokens that its definition says, all of them."""
    assert set(np.flatnonzero(counts(sampling, draws=2000))) == allowed


def test_one_seed_one_sequence() -> None:
    """The same seed draws the same tokens, another seed others."""
    logits = np.zeros(1000, dtype=np.float32)

    def tokens(seed: int) -> list[int]:
        rng = generator(seed)
        return [pick(logits, Sampling(temperature=1.0), rng).token for _ in range(20)]

    assert tokens(7) == tokens(7)
    assert tokens(7) != tokens(8)
    assert tokens(-1) == tokens(2**64 - 1)  # any integer is a seed


@settings(max_examples=200)
@given(
    logits=st.lists(st.floats(-50, 50, width=32) | st.just(-math.inf), min_size=1, max_size=30),
    temperature=st.floats(0, 1),
    top_k=st.integers(0, 40),
    top_p=st.floats(1e-6, 1),
    min_p=st.floats(0, 1),
    weight=st.floats(0, 1),
)
def test_forbidden_tokens_are_never_chosen(
    logits: list[float],
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    weight: float,
) -> None:
    """Whatever the settings and the hint: minus infinity stays out, log-probabilities are <= 0."""
    array = np.asarray([*logits, 0.0, -math.inf], dtype=np.float32)
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    hint = hint_of({array.size - 2: weight})

    choice = pick(array, sampling, generator(0), hint)

    assert math.isfinite(array[choice.token])
    assert choice.logprob <= 1e-6


def test_top_p_of_a_large_vocabulary_sorts_further() -> None:
    """A flat distribution needs more than the first sorted candidates: the mass is still right."""
    rng = generator(0)
    flat = np.full(5000, 1 / 5000)
    sampling = Sampling(temperature=1.0, top_p=0.5)
    drawn = {draw(flat, sampling, rng) for _ in range(20_000)}

    assert max(drawn) == 2499  # the lower ids first among equals
    assert len(drawn) > 2400


def test_hint_is_mixed_in() -> None:
    """P = (1 - w) p_net + w on each hinted token, w being the sum of their shares."""
    both = pick(LOGITS, Sampling(), generator(0), hint_of({1: 0.4, 2: 0.2}))
    hinted = pick(LOGITS, Sampling(), generator(0), hint_of({2: 0.6}))
    not_enough = pick(LOGITS, Sampling(), generator(0), hint_of({2: 0.1}))
    same = pick(LOGITS, Sampling(), generator(0), hint_of({0: 0.2}))

    assert both.token == 1
    assert both.logprob == pytest.approx(math.log(0.4 * 0.3 + 0.4), abs=1e-6)
    assert hinted.token == 2
    assert hinted.logprob == pytest.approx(math.log(0.4 * 0.15 + 0.6), abs=1e-6)
    assert not_enough.token == 0
    assert not_enough.logprob == pytest.approx(math.log(0.9 * 0.5), abs=1e-6)
    assert same.logprob == pytest.approx(math.log(0.8 * 0.5 + 0.2), abs=1e-6)


def test_hint_shifts_the_draws() -> None:
    """The mixture is what is sampled from."""
    rng = generator(3)
    sampling = Sampling(temperature=1.0)
    hint = hint_of({3: 0.5})
    drawn = [pick(LOGITS, sampling, rng, hint).token for _ in range(4000)]

    assert abs(drawn.count(3) / 4000 - 0.525) < 5 * math.sqrt(0.25 / 4000)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_broken_logits_are_refused(bad: float) -> None:
    """NaN or infinity from the graph is an error, not a token."""
    with pytest.raises(ModelDirectoryError, match="finite logits"):
        pick(np.asarray([0.0, bad], dtype=np.float32), Sampling(), generator(0))
    with pytest.raises(ModelDirectoryError, match="finite logits"):
        pick(np.full(3, -math.inf, dtype=np.float32), Sampling(), generator(0))
