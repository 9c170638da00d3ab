"""What `mixline bench ops` says: the figures, as a table and as a plot."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from evaluation.machine import Machine
from evaluation.operators.attention import AttentionRow
from evaluation.operators.limits import Limits
from evaluation.operators.load import LoadCost
from evaluation.operators.shapes import OpShape
from evaluation.plot import Line, line_plot


@dataclass(frozen=True, slots=True, kw_only=True)
class OpRow:
    """One shape at one number of tokens; times are medians, of ours beside QMoE's in turn."""

    shape: str
    tokens: int
    ms: float
    ms_qmoe: float
    ratio: float  # median of ours / QMoE's, pair by pair
    ms_llama: float | None  # llama.cpp's median; None: not measured
    ratio_llama: float | None  # median of ours / llama.cpp's
    gbps: float  # bytes of the experts used, scales included, over our time
    gflops: float  # operations of the products over our time
    share_of_limit: float  # the least time that reading and products would take, over our time
    target: float  # the ratio that is aimed at
    calls: int
    experts_used: float  # mean over the calls
    reuse_mb: float | None  # least weights touched between two uses of an expert; None: no reuse


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRow:
    """Opening one layer of a shape: ours, QMoE's, and how far their answers lie apart."""

    shape: str
    weights: str
    weight_mb: float  # on our side
    token_mb: float  # experts of one token, on our side
    ours: LoadCost
    qmoe: LoadCost
    open_ratio: float  # QMoE's time over ours
    difference: float  # largest norm of the difference over the norm of a token's y


@dataclass(frozen=True, slots=True, kw_only=True)
class OpsReport:
    """All figures of one run, and what they were measured on."""

    machine: Machine
    kernel: str
    onnxruntime: str
    ggml: str | None  # llama.cpp's library and how it holds int4 weights; None: not measured
    limits: Limits
    rows: tuple[OpRow, ...]  # int4
    rows_int8: tuple[OpRow, ...]
    loads: tuple[LoadRow, ...]
    attention: tuple[AttentionRow, ...]
    left_out: tuple[str, ...]  # sentences about what could not be measured here


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Paired calls of one shape at one number of tokens."""

    shape: OpShape
    tokens: int
    seconds: Sequence[tuple[float, float]]  # ours, QMoE's
    seconds_llama: Sequence[float]  # llama.cpp's after each pair; none: not measured
    used: Sequence[int]  # experts, in each pair
    bytes_per_expert: int  # on our side
    reuse_bytes: int | None  # see Draw

    def row(self, limits: Limits) -> OpRow:
        """Return the figures."""
        seconds = median(ours for ours, _ in self.seconds)
        gflops = self.shape.operations(self.tokens) / seconds / 1e9
        gbps = median(
            used * self.bytes_per_expert / ours / 1e9
            for (ours, _), used in zip(self.seconds, self.used, strict=True)
        )
        compute = gflops / limits.dot_gops if limits.dot_gops else 0.0
        return OpRow(
            shape=self.shape.name,
            tokens=self.tokens,
            ms=_digits(seconds * 1e3),
            ms_qmoe=_digits(median(theirs for _, theirs in self.seconds) * 1e3),
            ratio=round(median(ours / theirs for ours, theirs in self.seconds), 3),
            **self._beside_llama(),
            gbps=_digits(gbps),
            gflops=_digits(gflops),
            share_of_limit=round(max(gbps / limits.read_gbps, compute), 3),
            target=self.shape.target(self.tokens),
            calls=len(self.seconds),
            experts_used=round(sum(self.used) / len(self.used), 1),
            reuse_mb=None if self.reuse_bytes is None else round(self.reuse_bytes / 1e6, 1),
        )

    def _beside_llama(self) -> dict[str, float | None]:
        if not self.seconds_llama:
            return {"ms_llama": None, "ratio_llama": None}
        pairs = zip(self.seconds, self.seconds_llama, strict=True)
        return {
            "ms_llama": _digits(median(self.seconds_llama) * 1e3),
            "ratio_llama": round(median(ours / llama for (ours, _), llama in pairs), 3),
        }


def table(report: OpsReport) -> str:
    """Return the report as Markdown tables with what it was measured on above them."""
    machine, limits = report.machine, report.limits
    reuses = [row.reuse_mb for _, row in _by_weights(report) if row.reuse_mb is not None]
    reuse = f"{min(reuses):.0f} MB of weights" if reuses else "all weights"
    with_llama = report.ggml is not None
    llama = f", llama.cpp's ggml {report.ggml}" if with_llama else ""
    columns = "| llama.cpp ms | ratio " if with_llama else ""
    head = f"""\
{machine.processor}, {machine.cores} cores, load {machine.load_1min}, kernel {report.kernel}, \
{limits.threads} threads, ONNX Runtime {report.onnxruntime}{llama}
limits: reading {limits.read_anonymous_gbps} GB/s anonymous, {limits.read_mapped_gbps} GB/s \
mapped;\
 int8 products {limits.dot_gops:.0f} Gop/s; last-level cache {limits.last_level_cache_mb:.0f} MB
ratio: median of paired calls, ours / QMoE with accuracy_level 4 on the same values, block 32;
at least {reuse} were touched between two uses of an expert

| shape | weights | tokens | ms | QMoE ms | ratio | target {columns}| GB/s | Gop/s | of limit |
|---|---|---|---|---|---|---|{"---|---|" if with_llama else ""}---|---|---|
"""
    rows = "\n".join(
        f"| {row.shape} | {weights} | {row.tokens} | {row.ms} | {row.ms_qmoe} "
        f"| {row.ratio:.2f}{'' if row.ratio <= row.target else ' !'} | {row.target:.2f} "
        f"{_llama_cells(row)}| {row.gbps} | {row.gflops} | {row.share_of_limit:.0%} |"
        for weights, row in _by_weights(report)
    )
    loads = """

| shape | weights | opening ms | QMoE ms | times faster | anonymous MB | QMoE MB | mapped MB \
| of token's experts | QMoE peak MB |
|---|---|---|---|---|---|---|---|---|---|
""" + "\n".join(_load_line(load) for load in report.loads)
    attention = """

CachedAttention beside GroupQueryAttention, one layer; its cache is f32 always

| heads | cache | new tokens | context | ms | GroupQueryAttention ms | ratio | GB/s |
|---|---|---|---|---|---|---|---|
""" + "\n".join(
        f"| {row.name} | {row.kv} | {row.tokens} | {row.context} | {row.ms} | {row.ms_gqa} "
        f"| {row.ratio:.2f} | {row.gbps} |"
        for row in report.attention
    )
    tables = rows + (loads if report.loads else "") + (attention if report.attention else "")
    return "\n".join([head + tables, *report.left_out])


def _llama_cells(row: OpRow) -> str:
    if row.ms_llama is None or row.ratio_llama is None:
        return ""
    return f"| {row.ms_llama} | {row.ratio_llama:.2f} "


def _by_weights(report: OpsReport) -> list[tuple[str, OpRow]]:
    return [("int4", row) for row in report.rows] + [("int8", row) for row in report.rows_int8]


def _load_line(load: LoadRow) -> str:
    ours, theirs = load.ours, load.qmoe
    return (
        f"| {load.shape} | {load.weights} {load.weight_mb:.0f} MB | {ours.open_ms:.1f} "
        f"| {theirs.open_ms:.0f} | {load.open_ratio:.0f} | {ours.anonymous_bytes / 1e6:.1f} "
        f"| {theirs.anonymous_bytes / 1e6:.0f} | {ours.weight_file_bytes / 1e6:.1f} "
        f"| {ours.weight_file_bytes / 1e6 / load.token_mb:.2f} | {theirs.peak_bytes / 1e6:.0f} |"
    )


def plot(report: OpsReport) -> str:
    """Return an SVG: time over QMoE's by tokens, a line for each shape."""
    lines = [
        Line(
            name=f"{shape} {weights}",
            x=[math.log2(row.tokens) for row in rows],
            y=[row.ratio for row in rows],
        )
        for (shape, weights), rows in _curves(report).items()
    ]
    return line_plot(
        f"Time over QMoE's, {report.kernel}, {report.limits.threads} threads"
        f" on {report.machine.processor}",
        "tokens, as a power of two",
        "ours / QMoE",
        lines,
        names_below=True,
    )


def _curves(report: OpsReport) -> dict[tuple[str, str], list[OpRow]]:
    curves: dict[tuple[str, str], list[OpRow]] = {}
    for weights, row in _by_weights(report):
        curves.setdefault((row.shape, weights), []).append(row)
    return curves


def _digits(value: float) -> float:
    """Round to four significant digits."""
    return float(f"{value:.4g}")
