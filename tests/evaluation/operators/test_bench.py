"""`mixline bench ops` keeps its protocol; no test looks at how fast anything is."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from evaluation.operators import bench, limits
from evaluation.operators.attention import AttentionCase
from evaluation.operators.bench import BenchOptions, Comparison, NotEnoughMemoryError, bench_ops
from evaluation.operators.limits import measure_limits
from evaluation.operators.load import open_and_run
from evaluation.operators.report import plot, table
from evaluation.operators.shapes import NAMES, SHAPES, TOKENS, OpShape, shipped_shape
from evaluation.operators.weights import QuantisedFormat, draw_weights
from inference.errors import MixlineError
from inference.session import BoundGraph


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure the limits in little memory, and loading in this process."""
    monkeypatch.setattr(bench, "measure_limits", partial(measure_limits, read_bytes=2**20))
    monkeypatch.setattr(limits, "DOT_ROUNDS", 1000)
    monkeypatch.setattr(bench, "measure_load", open_and_run)


def options(*shapes: OpShape, tokens: tuple[int, ...] = (1,), **given: Any) -> BenchOptions:
    """Ask for little, so that a test is quick."""
    return BenchOptions(
        **{"shapes": shapes, "tokens": tokens, "calls": 4, "reuse_bytes": 1, "llama": False} | given
    )


@pytest.mark.parametrize("weight_format", ["int4", "int8"])
def test_both_sides_answer_the_same(any_shape: OpShape, weight_format: QuantisedFormat) -> None:
    """Both round activations to int8 in blocks of 32: what is left is the order of f32 sums."""
    with Comparison(any_shape, weight_format, options(any_shape)) as comparison:
        assert 0 <= comparison.load.difference < 1e-5


def test_other_values_are_refused(tiny_shape: OpShape, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison of two different layers would mean nothing."""

    def draw(*_: object) -> object:
        ours, _ = draw_weights(tiny_shape, "int4", np.random.default_rng(0))
        _, theirs = draw_weights(tiny_shape, "int4", np.random.default_rng(1))
        return ours, theirs

    monkeypatch.setattr(bench, "draw_weights", draw)

    with pytest.raises(MixlineError, match=r"expected our answers within 0\.05 of QMoE's"):
        Comparison(tiny_shape, "int4", options(tiny_shape))


def test_calls_alternate_and_layers_rotate(
    tiny_shape: OpShape, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours, QMoE's, on one layer, then on the next one; every pair has its own routing."""
    given = options(tiny_shape, tokens=(3,), calls=9, reuse_bytes=60_000)
    with Comparison(tiny_shape, "int4", given) as comparison:
        sessions = {
            id(session): (layer, side)
            for layer, pair in enumerate(comparison._sessions)
            for session, side in zip(pair, ("ours", "theirs"), strict=True)
        }
        order: list[tuple[int, str]] = []
        logits: list[bytes] = []
        run = BoundGraph.run

        def recorded(session: BoundGraph) -> None:
            order.append(sessions[id(session)])
            logits.append(session._bound[1].tobytes())
            run(session)

        monkeypatch.setattr(BoundGraph, "run", recorded)
        timing = comparison.measure(3)
    layers = len(sessions) // 2
    calls = 9 + bench.WARM_UP

    assert layers > 1
    assert order == [(i % layers, side) for i in range(calls) for side in ("ours", "theirs")]
    assert logits[0::2] == logits[1::2]
    assert len(set(logits)) == calls
    assert len(timing.seconds) == len(timing.used) == 9


def test_weights_leave_the_caches_before_they_return(tiny_shape: OpShape) -> None:
    """As many layers are opened as that takes: here 20 or more, for 100 kB between two uses."""
    report = bench_ops(
        options(tiny_shape, tokens=(1, 16), weights=("int4",), calls=200, reuse_bytes=100_000)
    )

    assert [row.reuse_mb for row in report.rows if row.reuse_mb is not None]
    assert min(row.reuse_mb for row in report.rows if row.reuse_mb is not None) >= 0.1


def test_calls_by_default() -> None:
    """200 pairs, 20 from 128 tokens on, two threads, four caches between two uses."""
    default = BenchOptions(shapes=(), tokens=())

    assert [default.calls_at(tokens) for tokens in (1, 64, 128, 512)] == [200, 200, 20, 20]
    assert default.threads == 2
    assert bench.CACHES == 4


def test_the_report_has_the_documented_keys(tiny_shape: OpShape) -> None:
    """And its figures agree with each other."""
    report = bench_ops(options(tiny_shape, tokens=(1, 4)))
    told = json.loads(json.dumps(asdict(report)))

    assert {"machine", "limits", "rows", "rows_int8", "loads"} <= told.keys()
    assert [row["tokens"] for row in told["rows"]] == [1, 4]
    assert [row["tokens"] for row in told["rows_int8"]] == [1, 4]
    for row in (*told["rows"], *told["rows_int8"]):
        assert {
            "shape",
            "tokens",
            "ms",
            "ms_qmoe",
            "ratio",
            "gbps",
            "gflops",
            "share_of_limit",
        } <= (row.keys())
        operations = 2 * 3 * 64 * 32 * 2 * row["tokens"]
        assert row["gflops"] == pytest.approx(operations / row["ms"] / 1e6, rel=0.01)
        assert row["calls"] == 4
    assert len(told["loads"]) == 2


def test_without_llama_cpp_its_columns_are_left_out(tiny_shape: OpShape) -> None:
    """In the table; in the JSON they are null."""
    report = bench_ops(options(tiny_shape))

    assert (report.ggml, report.rows[0].ms_llama, report.rows[0].ratio_llama) == (None,) * 3
    assert "llama.cpp" not in table(report)


def test_table_and_plot_show_every_row(tiny_shape: OpShape) -> None:
    """The table marks a ratio over its target; the plot has a line for each kind of weights."""
    case = AttentionCase(name="2/1", heads=2, kv_heads=1, head_dim=32, tokens=1, context=40)
    report = bench_ops(replace(options(tiny_shape, tokens=(1, 4)), attention=(case,)))
    text, drawing = table(report), plot(report)

    assert "| 2/1 | f32 | 1 | 40 |" in text
    assert text.count("| tiny | int4 |") == text.count("| tiny | int8 |") == 2
    assert f"last-level cache {report.limits.last_level_cache_mb:.0f} MB" in text
    assert drawing.count("<polyline") == 2


def test_too_little_memory_leaves_a_shape_out(
    tiny_shape: OpShape, make_shape: Callable[..., OpShape]
) -> None:
    """It is said, and the other shapes are measured."""
    huge = make_shape(name="huge", experts=10**9)
    with pytest.raises(NotEnoughMemoryError, match="GB are free"):
        Comparison(huge, "int4", options(huge))
    report = bench_ops(options(huge, tiny_shape, weights=("int4",)))

    assert [row.shape for row in report.rows] == ["tiny"]
    assert len(report.left_out) == 1
    assert "huge int4 needs" in table(report)


def test_shapes_are_those_of_the_models() -> None:
    """Hidden, expert hidden, experts and experts per token; the shipped one from its manifest."""
    sizes = {
        shape.name: (shape.hidden, shape.expert_hidden, shape.experts, shape.experts_per_token)
        for shape in (shipped_shape(), *SHAPES)
    }

    assert sizes == {
        "shipped": (256, 192, 16, 2),
        "qwen3-coder-30b": (2048, 768, 128, 8),
        "gpt-oss-20b": (2880, 2880, 32, 4),
        "mellum2": (2304, 896, 64, 8),
        "codex-mini": (3072, 3584, 128, 2),
    }
    assert tuple(sizes) == NAMES
    assert TOKENS == (1, 2, 4, 8, 16, 64, 128, 512)
    assert [shape.biases for shape in SHAPES] == [False, True, False, False]
