"""The machine's limits are measured, not assumed."""

from pathlib import Path

from evaluation.operators.limits import last_level_cache_bytes, measure_limits


def test_every_figure_is_measured() -> None:
    """Reading is the better one of both kinds of memory; every processor here has int8 products."""
    limits = measure_limits(2, read_bytes=2**22)

    assert limits.read_gbps == max(limits.read_anonymous_gbps, limits.read_mapped_gbps)
    assert min(limits.read_anonymous_gbps, limits.read_mapped_gbps) > 0
    assert limits.dot_gops > 1
    assert limits.threads == 2
    assert limits.last_level_cache_mb > 0


def test_last_level_cache_is_the_largest_one(tmp_path: Path) -> None:
    """Linux writes K and M; without its files 32 MB are assumed."""
    for index, size in enumerate(("48K", "1024K", "32M")):
        (tmp_path / f"index{index}").mkdir()
        (tmp_path / f"index{index}" / "size").write_text(f"{size}\n")

    assert last_level_cache_bytes(tmp_path) == 32 * 2**20
    assert last_level_cache_bytes(tmp_path / "none") == 32 * 2**20


def test_better_limits_are_taken_one_by_one() -> None:
    """What another program took from one measurement, the other one may have."""
    first, second = (measure_limits(1, read_bytes=2**20) for _ in range(2))
    both = first.better(second)

    assert both.dot_gops == max(first.dot_gops, second.dot_gops)
    assert both.read_gbps == max(first.read_gbps, second.read_gbps)
