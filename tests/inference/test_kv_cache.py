"""Buffers of one slot, and several slots under a budget."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.comparing import common_prefix
from inference.errors import ContextLengthError
from inference.kv_cache import KvCache, KvShape
from inference.memory import kv_budget_tokens
from inference.prefix_cache import PrefixCache

SHAPE = KvShape(layers=2, kv_heads=3, head_dim=4, context=1000)


def fill(kv: KvCache, tokens: list[int]) -> None:
    """Write what a graph would: at each position its token's id."""
    start = len(kv.tokens)
    for buffer in kv.buffers:
        buffer[:, :, start : start + len(tokens)] = np.asarray(tokens, np.float32)[
            None, None, :, None
        ]
    kv.tokens += tokens


def holds(kv: KvCache) -> bool:
    """Tell whether every position still holds its token's id."""
    expected = np.asarray(kv.tokens, np.float32)[None, None, :, None]
    return all((buffer[:, :, : len(kv.tokens)] == expected).all() for buffer in kv.buffers)


def test_growth_doubles_and_keeps() -> None:
    """Capacities double, end at the context, and what was written stays."""
    kv = KvCache(SHAPE)
    capacities = []
    for count in (1, 256, 257, 600, 1000):
        kv.reserve(count, limit=10_000)
        fill(kv, list(range(len(kv.tokens), count)))
        capacities.append(kv.capacity)

    assert capacities == [256, 256, 512, 1000, 1000]
    assert holds(kv)
    assert kv.buffers[0].shape == (1, 3, 1000, 4)
    assert len(kv.buffers) == 2 * SHAPE.layers
    assert kv.nbytes == sum(buffer.nbytes for buffer in kv.buffers)
    assert all(buffer.ctypes.data % 64 == 0 for buffer in kv.buffers)


def test_beyond_the_context_is_refused_with_figures() -> None:
    """The message names what was needed, what is allowed, and by what; nothing changes."""
    kv = KvCache(SHAPE)
    kv.reserve(10, limit=10_000)
    fill(kv, [1, 2])

    with pytest.raises(ContextLengthError, match=r"1000 tokens \(the model's context\).* 1001"):
        kv.reserve(1001, limit=10_000)
    with pytest.raises(ContextLengthError, match=r"300 tokens \(the KV memory budget\).* 301"):
        kv.reserve(301, limit=300)
    assert kv.capacity == 256
    assert holds(kv)


@given(st.lists(st.integers(0, 2), max_size=12), st.lists(st.integers(0, 2), max_size=12))
def test_common_prefix(one: list[int], other: list[int]) -> None:
    """Agrees with the definition."""
    expected = 0
    while expected < min(len(one), len(other)) and one[expected] == other[expected]:
        expected += 1

    assert common_prefix(one, other) == expected


def acquire(cache: PrefixCache, document: str, prompt: list[int], room: int = 0) -> int:
    """Use a slot as a generation would; return what it held of the prompt."""
    slot, held = cache.acquire(document, prompt, room or len(prompt) + 10)
    assert slot.kv.tokens == prompt[:held]
    assert holds(slot.kv)
    fill(slot.kv, prompt[held:])
    return held


def test_document_rewinds_its_own_slot() -> None:
    """Typing keeps all but the tail; the same prompt again leaves one token to run."""
    cache = PrefixCache(SHAPE, max_slots=4, budget_tokens=4000)

    assert acquire(cache, "a", [1, 2, 3, 4]) == 0
    assert acquire(cache, "a", [1, 2, 3, 5, 6]) == 3
    assert acquire(cache, "a", [1, 2, 3, 5, 6]) == 4
    assert len(list(cache)) == 1


def test_places_of_a_document_have_slots_of_their_own() -> None:
    """Who comes back finds the former prompt; a fourth place takes the slot longest unused."""
    cache = PrefixCache(SHAPE, max_slots=8, budget_tokens=4000)
    here, there = [1, 2, 3, 4, 5], [1, 7, 7, 7, 7]

    assert acquire(cache, "a", here) == 0
    assert acquire(cache, "a", there) == 1
    assert acquire(cache, "a", [1, 8, 8, 8, 8]) == 1
    assert acquire(cache, "a", [*here, 6]) == 5
    assert acquire(cache, "a", [1, 9, 9, 9, 9]) == 1
    assert acquire(cache, "a", [*here, 6]) == 5
    assert acquire(cache, "a", there) == 1
    assert len(list(cache)) == 3


def test_further_places_make_way_before_other_documents() -> None:
    """With all slots taken, one of the document that has two goes, not the oldest of all."""
    cache = PrefixCache(SHAPE, max_slots=3, budget_tokens=4000)
    acquire(cache, "a", [1, 1])
    acquire(cache, "b", [2, 2, 2])
    acquire(cache, "b", [3, 3, 3])
    acquire(cache, "c", [4, 4])

    assert [slot.document for slot in cache] == ["a", "b", "c"]


def test_other_document_copies_the_shared_prefix() -> None:
    """A second document starts with a copy; the first keeps its slot whole."""
    cache = PrefixCache(SHAPE, max_slots=4, budget_tokens=4000)
    acquire(cache, "a", [1, 2, 3, 4])

    assert acquire(cache, "b", [1, 2, 9]) == 2
    assert acquire(cache, "a", [1, 2, 3, 4, 5]) == 4
    assert acquire(cache, "b", [1, 2, 9, 8]) == 3


def test_document_takes_a_longer_prefix_from_another_slot() -> None:
    """A renamed document (same text, another name back and forth) does not start over."""
    cache = PrefixCache(SHAPE, max_slots=4, budget_tokens=4000)
    acquire(cache, "a", [7, 7])
    acquire(cache, "b", [1, 2, 3, 4])

    assert acquire(cache, "a", [1, 2, 3, 4, 5]) == 4


def test_least_recently_used_slot_goes() -> None:
    """With all slots taken the oldest document is forgotten."""
    cache = PrefixCache(SHAPE, max_slots=2, budget_tokens=4000)
    acquire(cache, "a", [1, 1])
    acquire(cache, "b", [2, 2])
    acquire(cache, "a", [1, 1, 1])
    acquire(cache, "c", [3, 3])

    assert {slot.document for slot in cache} == {"a", "c"}
    assert acquire(cache, "b", [2, 2]) == 0


def test_budget_drops_slots() -> None:
    """Capacities over all slots stay within the budget; a slot that outgrows it is refused."""
    cache = PrefixCache(SHAPE, max_slots=8, budget_tokens=700)
    acquire(cache, "a", [1] * 200, 256)
    acquire(cache, "b", [2] * 200, 256)
    acquire(cache, "b", [2] * 300, 400)

    assert {slot.document for slot in cache} == {"b"}
    assert sum(slot.kv.capacity for slot in cache) == 512
    assert cache.held_tokens == 300
    with pytest.raises(ContextLengthError, match="budget"):
        cache.acquire("b", [2] * 300, 701)
    assert acquire(cache, "b", [2] * 300 + [3]) == 300


def test_empty_budget_is_refused() -> None:
    """A budget of nothing is named with the size of a token."""
    with pytest.raises(ContextLengthError, match=rf"{SHAPE.bytes_per_token} bytes"):
        PrefixCache(SHAPE, max_slots=1, budget_tokens=0)


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.lists(st.integers(0, 1), min_size=1, max_size=40)),
        max_size=20,
    )
)
def test_any_sequence_keeps_the_rules(requests: list[tuple[str, list[int]]]) -> None:
    """Contents, slot count and budget hold whatever is asked in whatever order."""
    shape = KvShape(layers=1, kv_heads=1, head_dim=1, context=64)
    cache = PrefixCache(shape, max_slots=3, budget_tokens=100)
    for document, prompt in requests:
        acquire(cache, document, prompt)

        assert len(list(cache)) <= 3
        assert sum(slot.kv.capacity for slot in cache) <= 100
        assert cache.nbytes <= 100 * shape.bytes_per_token


def test_budget_comes_from_free_memory() -> None:
    """A quarter of it, at most all contexts, at least a small prompt."""
    per_token = SHAPE.bytes_per_token

    assert per_token == 2 * 4 * 2 * 3 * 4
    assert kv_budget_tokens(SHAPE, 4, free=4 * 2000 * per_token) == 2000
    assert kv_budget_tokens(SHAPE, 4, free=2**40) == 4000
    assert kv_budget_tokens(SHAPE, 4, free=0) == 256
