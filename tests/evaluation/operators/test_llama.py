"""llama.cpp's side computes the same layer, and is measured beside ours."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from evaluation.operators import bench, ggml
from evaluation.operators.bench import BenchOptions, Comparison
from evaluation.operators.ggml import Ggml
from evaluation.operators.llama import route
from evaluation.operators.report import table
from evaluation.operators.shapes import OpShape
from evaluation.operators.weights import QuantisedFormat
from inference.errors import MixlineError

pytest.importorskip("llama_cpp")


@pytest.mark.parametrize("weight_format", ["int4", "int8"])
def test_it_answers_what_qmoe_does(
    any_shape: OpShape, weight_format: QuantisedFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the same values; it keeps the scales of rounded activations in fp16, we in f32."""
    monkeypatch.setattr(bench, "MAX_DIFFERENCE", 1e-2)
    library = Ggml.installed(threads=2)
    assert library is not None

    options = BenchOptions(shapes=(any_shape,), tokens=(1, 3), calls=3, reuse_bytes=1)
    with Comparison(any_shape, weight_format, options, ggml=library) as comparison:
        timings = [comparison.measure(tokens) for tokens in (1, 3)]
    library.close()

    assert [len(timing.seconds_llama) for timing in timings] == [3, 3]


def test_the_table_has_its_columns(tiny_shape: OpShape, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says which library it was."""
    measured = bench.measure_limits(1, read_bytes=2**20)
    monkeypatch.setattr(bench, "measure_limits", lambda _: measured)
    report = bench.bench_ops(
        BenchOptions(shapes=(tiny_shape,), tokens=(1,), weights=("int4",), calls=3, reuse_bytes=1)
    )

    assert report.ggml is not None
    assert report.ggml.startswith(ggml.VERSION)
    assert "| target | llama.cpp ms | ratio | GB/s |" in table(report)
    assert f"| {report.rows[0].ms_llama} | {report.rows[0].ratio_llama:.2f} |" in table(report)


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its functions may take other arguments, which would end the process."""
    monkeypatch.setattr(ggml, "VERSION", "9.9.")

    with pytest.raises(MixlineError, match=r"expected ggml 9\.9\.x, found 0\."):
        Ggml.installed(threads=1)


def test_a_package_without_the_library_is_as_if_it_were_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that was built otherwise."""
    spec = importlib.util.spec_from_loader("llama_cpp", loader=None, is_package=True)
    assert spec is not None
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)

    assert Ggml.installed(threads=1) is None


def test_route_takes_the_largest_and_normalises() -> None:
    """As the operators' router with `normalize` does."""
    ids, weights = route(np.log(np.array([[1, 6, 2, 1]], np.float32)), 2)

    order = np.argsort(ids[0])
    assert ids[0][order].tolist() == [1, 2]
    np.testing.assert_allclose(weights[0][order], [0.75, 0.25], rtol=1e-6)
