"""What benchmarks/gpu.py found: a table to read, and JSON."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

MOST_ERROR: Final = 1e-2
_MISSING: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One shape, weight format and number of tokens; None: not run."""

    shape: str
    weights: str
    tokens: int
    error: float  # against double precision
    ms: float | None = None
    weight_bytes: int = 0  # of the experts that a call reads
    operations: int = 0  # of its products
    ms_qmoe: float | None = None
    ms_in_session: float | None = None  # ours in ONNX Runtime, as QMoE was timed

    @property
    def gbps(self) -> float | None:
        """Weights read per second, 10^9 bytes."""
        return None if self.ms is None else self.weight_bytes / self.ms / 1e6

    @property
    def tflops(self) -> float | None:
        """Operations per second, 10^12."""
        return None if self.ms is None else self.operations / self.ms / 1e9

    @property
    def ratio(self) -> float | None:
        """Our time as a share of QMoE's."""
        if self.ms_qmoe is None or self.ms_in_session is None:
            return None
        return self.ms_in_session / self.ms_qmoe


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The device's best, measured in the same run."""

    read_gbps: float
    bf16_tflops: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decode:
    """A whole model's tokens per second."""

    tokens_per_s: float
    bytes_per_token: int
    total_parameters: int
    active_parameters: int


@dataclass(slots=True, kw_only=True)
class Report:
    """All of a run, in the order of its happening."""

    device: str
    limits: Limits | None = None
    rows: list[Row] = field(default_factory=list)
    decode: Decode | None = None
    not_run: list[str] = field(default_factory=list)  # what, and why

    @property
    def wrong(self) -> list[Row]:
        """Rows whose error is too large, or is no number."""
        return [row for row in self.rows if not row.error < MOST_ERROR]

    def to_json(self) -> str:
        """Return one object, with the figures that follow from the others."""
        rows = [
            dataclasses.asdict(row)
            | {"gbps": row.gbps, "tflops": row.tflops, "ratio": row.ratio}
            | dict(zip(("share_of_read", "share_of_matrix"), self._shares(row), strict=True))
            for row in self.rows
        ]
        whole = dataclasses.asdict(self) | {"rows": rows, "wrong": len(self.wrong)}
        return json.dumps(whole | {"decode_share": self.decode_share()}, indent=1)

    def to_table(self) -> str:
        """Return Markdown: a table, the limits, what was not run."""
        lines = [f"{self.device}"]
        if self.limits is not None:
            lines.append(
                f"limits: {self.limits.read_gbps:,.0f} GB/s read,"
                f" {self.limits.bf16_tflops:,.0f} TFLOP/s in bf16 products"
            )
        head = (
            *("shape", "weights", "tokens", "error", "ms", "GB/s", "of read"),
            *("TFLOP/s", "of matrix", "ms in ORT", "ms QMoE", "ratio"),
        )
        lines += ["", _line(head), _line(["---"] * len(head))]
        lines += [_line(self._cells(row)) for row in self.rows]
        if self.decode is not None:
            lines += ["", self._decode_line(self.decode)]
        lines += [f"not run: {what}" for what in self.not_run]
        lines += [f"WRONG: {r.shape} {r.weights} {r.tokens}: {r.error:.2g}" for r in self.wrong]
        return "\n".join(lines)

    def decode_share(self) -> float | None:
        """Return the decoding's share of what reading its weights alone would allow."""
        if self.decode is None or self.limits is None:
            return None
        needed = self.decode.tokens_per_s * self.decode.bytes_per_token
        return needed / (self.limits.read_gbps * 1e9)

    def _decode_line(self, decode: Decode) -> str:
        share = self.decode_share()
        of_limit = "" if share is None else f", {share:.0%} of what reading the weights allows"
        return (
            f"decoding, {decode.total_parameters / 1e9:.1f}B parameters,"
            f" {decode.active_parameters / 1e9:.1f}B active: {decode.tokens_per_s:,.0f} tokens/s"
            f"{of_limit}"
        )

    def _shares(self, row: Row) -> tuple[float | None, float | None]:
        if self.limits is None or row.gbps is None or row.tflops is None:
            return None, None
        return row.gbps / self.limits.read_gbps, row.tflops / self.limits.bf16_tflops

    def _cells(self, row: Row) -> list[str]:
        read, matrix = self._shares(row)
        return [
            *(row.shape, row.weights, str(row.tokens), f"{row.error:.1e}"),
            *(_number(row.ms, ".4f"), _number(row.gbps, ",.0f"), _number(read, ".0%")),
            *(_number(row.tflops, ",.1f"), _number(matrix, ".0%")),
            *(_number(row.ms_in_session, ".4f"), _number(row.ms_qmoe, ".4f")),
            _number(row.ratio, ".2f"),
        ]


def _number(value: float | None, form: str) -> str:
    return _MISSING if value is None else format(value, form)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
