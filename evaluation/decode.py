"""`mixline bench decode`: load time, prefill and decode speed of a model directory on real code."""

import resource
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from evaluation.machine import Machine, describe_machine
from evaluation.operators.limits import measure_limits
from evaluation.plot import Line, line_plot
from evaluation.step_time import StepRow, step_rows
from inference import Completion, CompletionRequest, Engine, EngineConfig

# Files that every Python installation has, so that figures of two machines compare.
SOURCES = ("argparse.py", "textwrap.py", "json/decoder.py", "http/client.py", "dataclasses.py")
PREFIX_CHARACTERS = (250, 500, 1000, 1500)  # the longest still fits a context of 1,024 tokens
SUFFIX_CHARACTERS = 500
DECODED_TOKENS = 48
ENOUGH_S = 30.0  # no further file is begun then: a large model needs a minute for one


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeRow:
    """Medians over the source files at one length of prefix."""

    prompt_tokens: int
    prefill_ms: float  # nothing cached
    prefill_tokens_per_s: float
    keystroke_ms: float  # prefill after one more character, the rest cached
    keystroke_cached_share: float
    decode_ms_per_token: float
    decode_tokens_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeReport:
    """All figures of one run, and what they were measured on."""

    machine: Machine
    model: str
    kernel: str
    threads: int
    load_ms: float
    peak_memory_mb: float
    weight_bytes: int
    read_bandwidth_gbps: float
    files: int  # that the rows are medians of
    rows: tuple[DecodeRow, ...]
    steps: tuple[StepRow, ...]


def _request(document: str, prefix: str, suffix: str) -> CompletionRequest:
    return CompletionRequest(
        document=document,
        path=document,
        prefix=prefix,
        suffix=suffix,
        max_tokens=DECODED_TOKENS,
        multi_line=True,
        require_text=True,
    )


def _measure(engine: Engine, name: str, text: str, length: int) -> tuple[Completion, Completion]:
    """Return the cold completion at `length` characters, and the one after one typed character."""
    start = len(text) // 3
    end = start + length
    document = f"{name}:{length}"
    behind = text[end + 1 : end + 1 + SUFFIX_CHARACTERS]  # typing leaves it as it is
    cold, warm = (
        engine.submit(_request(document, text[start:cursor], behind)).future.result()
        for cursor in (end, end + 1)
    )
    return cold, warm


def _pairs(engine: Engine, texts: Mapping[str, str]) -> list[list[tuple[Completion, Completion]]]:
    """Measure file by file, all `PREFIX_CHARACTERS` of each, until it is enough."""
    pairs: list[list[tuple[Completion, Completion]]] = []
    started = time.perf_counter()
    for name, text in texts.items():
        pairs.append([_measure(engine, name, text, length) for length in PREFIX_CHARACTERS])
        if time.perf_counter() - started > ENOUGH_S:
            break
    return pairs


def _row(pairs: list[tuple[Completion, Completion]]) -> DecodeRow:
    def middle(value: Callable[[Completion, Completion], float]) -> float:
        return float(median(value(cold, warm) for cold, warm in pairs))

    ms_per_token = middle(lambda cold, _: cold.ms_decode / max(cold.tokens, 1))
    prefill_ms = middle(lambda cold, _: cold.ms_prefill)
    tokens = middle(lambda cold, _: cold.prompt_tokens)
    return DecodeRow(
        prompt_tokens=round(tokens),
        prefill_ms=round(prefill_ms, 2),
        prefill_tokens_per_s=round(
            middle(
                lambda cold, _: (cold.prompt_tokens - cold.cached_tokens) / cold.ms_prefill * 1e3
            )
        ),
        keystroke_ms=round(middle(lambda _, warm: warm.ms_prefill), 2),
        keystroke_cached_share=round(
            middle(lambda _, warm: warm.cached_tokens / warm.prompt_tokens), 3
        ),
        decode_ms_per_token=round(ms_per_token, 3),
        decode_tokens_per_s=round(1e3 / ms_per_token, 1),
    )


def bench_decode(model: Path, config: EngineConfig) -> DecodeReport:
    """Measure one model directory.

    Raises:
        MixlineError: the model cannot be loaded or run, or the library that measures the bandwidth
            was not built.
    """
    library = Path(sysconfig.get_path("stdlib"))
    texts = {name: (library / name).read_text(encoding="utf-8") for name in SOURCES}
    started = time.perf_counter()
    with Engine.open(model, config) as engine:
        load_ms = (time.perf_counter() - started) * 1e3
        pairs = _pairs(engine, texts)
        info = engine.info
    to_mb = 1e-3 if sys.platform == "linux" else 1e-6  # kilobytes on Linux, bytes on macOS
    peak_memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * to_mb
    read_gbps = measure_limits(config.threads).read_gbps
    return DecodeReport(
        machine=describe_machine(),
        model=info.name,
        kernel=info.kernel,
        threads=config.threads,
        load_ms=round(load_ms, 1),
        peak_memory_mb=round(peak_memory_mb, 1),
        weight_bytes=info.weights_bytes,
        read_bandwidth_gbps=read_gbps,
        files=len(pairs),
        rows=tuple(_row(list(of_length)) for of_length in zip(*pairs, strict=True)),
        steps=step_rows(model, config.threads, read_gbps),
    )


def plot(report: DecodeReport) -> str:
    """Return an SVG: time to the first token over the prompt's length, cold and after a key."""
    lengths = [row.prompt_tokens for row in report.rows]
    return line_plot(
        f"{report.model}, {report.kernel}, {report.threads} threads on {report.machine.processor}",
        "prompt tokens",
        "ms",
        [
            Line(name="nothing cached", x=lengths, y=[row.prefill_ms for row in report.rows]),
            Line(name="one more key", x=lengths, y=[row.keystroke_ms for row in report.rows]),
        ],
    )


def table(report: DecodeReport) -> str:
    """Return the report as a Markdown table with what it was measured on above it."""
    machine = report.machine
    head = f"""\
{report.model}, {report.weight_bytes / 1e6:.1f} MB, kernel {report.kernel}, {report.threads} threads
{machine.processor}, {machine.cores} cores, load {machine.load_1min}
read bandwidth {report.read_bandwidth_gbps} GB/s
loaded in {report.load_ms:.0f} ms, peak memory {report.peak_memory_mb:.0f} MB; medians of \
{report.files} files

| prompt tokens | prefill ms | prefill tok/s | next key ms | cached | decode tok/s |
|---|---|---|---|---|---|
"""
    completions = "\n".join(
        f"| {row.prompt_tokens} | {row.prefill_ms} | {row.prefill_tokens_per_s} "
        f"| {row.keystroke_ms} | {row.keystroke_cached_share:.1%} | {row.decode_tokens_per_s} |"
        for row in report.rows
    )
    steps = """

One token of the network alone:

| tokens before it | MB read | ms | tokens/s | at the bandwidth limit | share of it |
|---|---|---|---|---|---|
"""
    return (
        head
        + completions
        + steps
        + "\n".join(
            f"| {row.context_tokens:,} | {row.token_mb} | {row.ms_per_token} | {row.tokens_per_s} "
            + ("| - | - |" if row.limit_tokens_per_s is None else _limit(row))
            for row in report.steps
        )
    )


def _limit(row: StepRow) -> str:
    return f"| {row.limit_tokens_per_s} | {row.share_of_limit:.0%} |"
