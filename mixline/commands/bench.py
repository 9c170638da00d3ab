"""Measure this machine with a model directory; absolute times drift, so quote ratios."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mixline.usage import EXIT_OK, UsageError, number_between

if TYPE_CHECKING:
    from evaluation.decode import DecodeReport
    from evaluation.operators.report import OpsReport

BENCHMARKS = ("ops", "decode")
MAX_TOKENS = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is measured."""
    parser.add_argument(
        "what",
        metavar="|".join(BENCHMARKS),
        choices=BENCHMARKS,
        help="ops: the expert operators beside QMoE; decode: load, prefill and decode speed",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="write a plot, an SVG")
    parser.add_argument(
        "--threads", metavar="N", type=number_between(int, 1, 1024), help="default: the cores, <= 8"
    )
    decode = parser.add_argument_group("decode")
    decode.add_argument("--model", metavar="DIR", type=Path, help="model directory")
    ops = parser.add_argument_group("ops")
    ops.add_argument("--shapes", metavar="NAME", nargs="+", help="default: all")
    ops.add_argument(
        "--tokens",
        metavar="N",
        nargs="+",
        type=number_between(int, 1, MAX_TOKENS),
        help="tokens of a call; default: 1 2 4 8 16 64 128 512",
    )
    ops.add_argument(
        "--calls",
        metavar="N",
        type=number_between(int, 1, 1_000_000),
        help="pairs of calls; default: 200, and 20 from 128 tokens on",
    )
    ops.add_argument("--weights", nargs="+", choices=("int4", "int8"), help="default: both")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    of_other = {
        "ops": {"--model": arguments.model},
        "decode": {
            "--shapes": arguments.shapes,
            "--tokens": arguments.tokens,
            "--calls": arguments.calls,
            "--weights": arguments.weights,
        },
    }[arguments.what]
    for option, value in of_other.items():
        if value is not None:
            other = "decode" if arguments.what == "ops" else "ops"
            raise UsageError(f"{option} goes with `mixline bench {other}`")
    return _ops(arguments) if arguments.what == "ops" else _decode(arguments)


def _ops(arguments: argparse.Namespace) -> int:
    from evaluation.operators.bench import BenchOptions, bench_ops
    from evaluation.operators.report import plot, table
    from evaluation.operators.shapes import NAMES, TOKENS, chosen_shapes

    names = arguments.shapes or NAMES
    for name in names:
        if name not in NAMES:
            raise UsageError(f"expected shapes out of {', '.join(NAMES)}, got {name!r}")
    options = BenchOptions(
        shapes=chosen_shapes(names),
        tokens=arguments.tokens or TOKENS,
        weights=arguments.weights or ("int4", "int8"),
        calls=arguments.calls,
        **({} if arguments.threads is None else {"threads": arguments.threads}),
    )
    report = bench_ops(options)
    return _print(arguments, report, lambda: table(report), lambda: plot(report))


def _decode(arguments: argparse.Namespace) -> int:
    from evaluation.decode import bench_decode, plot, table
    from inference import EngineConfig, default_model

    config = (
        EngineConfig() if arguments.threads is None else EngineConfig(threads=arguments.threads)
    )
    report = bench_decode(arguments.model or default_model(), config)
    return _print(arguments, report, lambda: table(report), lambda: plot(report))


def _print(
    arguments: argparse.Namespace,
    report: "DecodeReport | OpsReport",
    table: Callable[[], str],
    plot: Callable[[], str],
) -> int:
    if arguments.plot is not None:
        try:
            arguments.plot.write_text(plot(), encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"expected a file that can be written, got {str(arguments.plot)!r}: "
                f"{error.strerror}"
            ) from error
    print(json.dumps(asdict(report)) if arguments.json else table())
    return EXIT_OK
