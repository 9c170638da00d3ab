"""Routing is random, and yet no expert comes back too soon."""

from itertools import pairwise

import numpy as np
import pytest

from evaluation.operators.routing import Draw, RotatingRouter

SIDE_BYTES = (100, 120)


def make_router(*, layers: int = 1, reuse_bytes: int = 0, seed: int = 0) -> RotatingRouter:
    """Sixteen experts, two for each token."""
    return RotatingRouter(
        experts=16,
        experts_per_token=2,
        layers=layers,
        side_bytes=SIDE_BYTES,
        reuse_bytes=reuse_bytes,
        rng=np.random.default_rng(seed),
    )


def chosen(draw: Draw) -> set[int]:
    """Return the experts that the logits choose."""
    return set(np.argsort(-draw.logits, axis=1)[:, :2].flat)


@pytest.mark.parametrize(("tokens", "layers"), [(1, 1), (1, 3), (2, 1), (5, 2), (64, 2)])
def test_reported_reuse_is_what_a_walk_over_all_calls_finds(tokens: int, layers: int) -> None:
    """Ours then theirs at every turn; an expert's bytes count once for each side and turn."""
    router = make_router(layers=layers, reuse_bytes=900)
    touched = 0
    last: dict[tuple[str, int, int], int] = {}  # end of the last use, by side, layer and expert
    for _ in range(60):
        draw = router.draw(tokens)
        experts = chosen(draw)
        assert draw.used == len(experts)
        found = []
        for side, size in zip(("ours", "theirs"), SIDE_BYTES, strict=True):
            keys = [(side, draw.layer, expert) for expert in experts]
            found += [touched - last[key] for key in keys if key in last]
            touched += size * len(experts)
            last |= dict.fromkeys(keys, touched)

        if draw.reuse_bytes is None:
            assert not found
        else:
            assert 0 < draw.reuse_bytes <= min(found)
            assert min(found) - draw.reuse_bytes <= 20 * 16  # what the sides' sizes differ by


def test_a_token_never_meets_an_expert_too_soon_where_there_are_enough() -> None:
    """One token at a time uses 440 of 3,520 bytes: 1,500 between two uses can be had."""
    router = make_router(reuse_bytes=1500)
    reuses = [router.draw(1).reuse_bytes for _ in range(200)]

    assert min(reuse for reuse in reuses if reuse is not None) >= 1500


def test_routing_is_new_every_time() -> None:
    """Two successive calls never have the same logits, and seldom the same order of experts."""
    router = make_router(reuse_bytes=1500)
    draws = [router.draw(1) for _ in range(200)]

    assert all(not np.array_equal(a.logits, b.logits) for a, b in pairwise(draws))
    assert len({frozenset(chosen(draw)) for draw in draws}) > 50


def test_experts_in_use_are_as_many_as_independent_tokens_would_use() -> None:
    """16 experts, 8 tokens with 2 each: 16 * (1 - (14 / 16) ** 8) experts on average."""
    router = make_router(reuse_bytes=10**9)
    used = [router.draw(8).used for _ in range(1500)]

    assert np.mean(used) == pytest.approx(16 * (1 - (14 / 16) ** 8), abs=0.15)


def test_layers_take_turns() -> None:
    """0, 1, 2, 0, ..."""
    router = make_router(layers=3)

    assert [router.draw(1).layer for _ in range(5)] == [0, 1, 2, 0, 1]
