"""Chunks of a prompt grow on a fast machine and shrink on a slow one."""

import pytest

from inference.pacing import ChunkPacer


def test_fast_chunks_grow_to_the_limit() -> None:
    """Not at once: one fast run may be luck."""
    pacer = ChunkPacer(256)
    sizes = []
    for _ in range(3):
        sizes.append(pacer.num_tokens)
        pacer.observe(pacer.num_tokens, seconds=1e-4)

    assert sizes == [64, 256, 256]


def test_slow_chunks_shrink_until_one_takes_the_target() -> None:
    """At 2 ms a token, 25 tokens take 50 ms."""
    pacer = ChunkPacer(256)
    for _ in range(3):
        pacer.observe(pacer.num_tokens, seconds=pacer.num_tokens * 2e-3)

    assert pacer.num_tokens == 25


def test_a_chunk_never_falls_below_the_fewest_tokens() -> None:
    """However slow the machine is."""
    pacer = ChunkPacer(256)
    pacer.observe(64, seconds=60.0)

    assert pacer.num_tokens == 16


@pytest.mark.parametrize("most", [1, 4, 16])
def test_the_limit_holds_from_the_start(most: int) -> None:
    """Also where it is smaller than the first chunk would be."""
    pacer = ChunkPacer(most)
    pacer.observe(most, seconds=1e-6)

    assert pacer.num_tokens == most


def test_a_short_rest_of_a_prompt_teaches_nothing() -> None:
    """Three tokens take nearly as long as one."""
    pacer = ChunkPacer(256)
    pacer.observe(3, seconds=1.0)

    assert pacer.num_tokens == 64
