"""What fits is judged by the weights, the cache and the memory; speed by the bandwidth."""

import dataclasses

from evaluation.fit import PROGRAM_BYTES, fit_rows
from inference.sizes import ModelSizes

SIZES = ModelSizes(
    weights="int4",
    kv_format="int8",
    weight_bytes=10_000_000_000,
    bytes_per_token=1_000_000_000,
    kv_bytes_per_position=100_000,
    context=10_000,
)


def rows_of(free_bytes: int, memory_bytes: int, cache_bytes: int = 0) -> list[tuple[object, ...]]:
    """Context, judgement and speed of each row."""
    rows = fit_rows(
        SIZES,
        read_gbps=20.0,
        cache_bytes=cache_bytes,
        free_bytes=free_bytes,
        memory_bytes=memory_bytes,
    )
    return [(row.context, row.fits, row.tokens_per_s) for row in rows]


def test_speed_is_the_bandwidth_over_what_a_token_reads() -> None:
    """The cache is read as well; no context is longer than the model's."""
    found = rows_of(20_000_000_000, 24_000_000_000)
    assert found == [
        (0, "in free memory", 20.0),
        (8192, "in free memory", 11.0),
        (10_000, "in free memory", 10.0),
    ]


def test_layers_with_a_window_read_no_more_than_it() -> None:
    """Their caches hold every position, so memory stays; what a token reads does not grow."""
    windowed = dataclasses.replace(SIZES, windows=(0, 100))

    assert windowed.kv_bytes(8192) == SIZES.kv_bytes(8192)
    assert windowed.kv_read_bytes(50) == SIZES.kv_read_bytes(50) == 5_000_000
    assert windowed.kv_read_bytes(8192) == 50_000 * (8192 + 100)
    both = [
        fit_rows(
            sizes,
            read_gbps=20.0,
            cache_bytes=0,
            free_bytes=20_000_000_000,
            memory_bytes=24_000_000_000,
        )[1]
        for sizes in (SIZES, windowed)
    ]
    assert [row.token_mb for row in both] == [1819.2, 1414.6]
    assert both[0].memory_gb == both[1].memory_gb


def test_what_does_not_fit_has_no_speed() -> None:
    """First other programs must give way, then experts come from the disk, then it does not run."""
    bare = SIZES.weight_bytes + PROGRAM_BYTES
    needed = SIZES.bytes_per_token + PROGRAM_BYTES
    assert rows_of(bare - 1, bare)[0] == (0, "in memory", 20.0)
    assert rows_of(bare - 1, bare - 1)[0] == (0, "experts from disk", None)
    assert rows_of(needed - 2, needed - 1)[0] == (0, "no", None)


def test_model_in_the_processors_cache_has_no_bandwidth_limit() -> None:
    """The memory's speed says nothing about it."""
    assert rows_of(20_000_000_000, 24_000_000_000, SIZES.weight_bytes)[0][2] is None
