"""The GPU benchmark's figures, table and JSON."""

import json

import pytest

from evaluation.gpu.report import Decode, Limits, Report, Row


def report(error: float = 1e-3) -> Report:
    """Return a report of one row, with everything in it."""
    row = Row(
        shape="gpt-oss-20b",
        weights="mxfp4",
        tokens=1,
        error=error,
        ms=0.02,
        weight_bytes=50_000_000,
        operations=200_000_000,
        ms_qmoe=0.05,
        ms_in_session=0.03,
    )
    decode = Decode(
        tokens_per_s=400,
        bytes_per_token=3_750_000_000,
        total_parameters=20_900_000_000,
        active_parameters=3_600_000_000,
    )
    return Report(
        device="a card",
        limits=Limits(read_gbps=3000, bf16_tflops=700),
        rows=[row],
        decode=decode,
        not_run=["mellum2 int4 1: the time was over"],
    )


def test_figures_follow_from_times_and_sizes() -> None:
    """50 MB in 20 us are 2,500 GB/s; 0.2 GFLOP in it 10 TFLOP/s; the ratio is of times in ORT."""
    (row,) = json.loads(report().to_json())["rows"]

    assert row["gbps"] == pytest.approx(2500)
    assert row["share_of_read"] == pytest.approx(2500 / 3000)
    assert row["tflops"] == pytest.approx(10)
    assert row["share_of_matrix"] == pytest.approx(10 / 700)
    assert row["ratio"] == pytest.approx(0.6)


def test_the_table_says_all_of_it() -> None:
    """One line a row, the limits, the decoding with its share, and what was not run."""
    text = report().to_table()

    assert "limits: 3,000 GB/s read, 700 TFLOP/s in bf16 products" in text
    row = "| gpt-oss-20b | mxfp4 | 1 | 1.0e-03 | 0.0200 | 2,500 | 83% | 10.0 | 1% | 0.0300 | 0.0500"
    assert f"{row} | 0.60 |" in text
    assert "20.9B parameters, 3.6B active: 400 tokens/s, 50% of what reading" in text
    assert "not run: mellum2 int4 1: the time was over" in text
    assert "WRONG" not in text


@pytest.mark.parametrize("error", [1e-2, float("inf"), float("nan")])
def test_large_errors_are_wrong(error: float) -> None:
    """Also one that is no number."""
    wrong = report(error)

    assert wrong.wrong == wrong.rows
    assert "WRONG: gpt-oss-20b mxfp4 1" in wrong.to_table()


def test_what_was_not_run_has_no_figure() -> None:
    """A dash, not a zero."""
    bare = Report(device="none", rows=[Row(shape="a", weights="int4", tokens=2, error=0)])

    assert "| a | int4 | 2 | 0.0e+00 | - | - | - | - | - | - | - | - |" in bare.to_table()
    (row,) = json.loads(bare.to_json())["rows"]
    assert (row["gbps"], row["share_of_read"], row["ratio"]) == (None, None, None)
