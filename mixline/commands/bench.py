"""Measure this machine with a model directory; absolute times drift, so quote ratios."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from mixline.usage import EXIT_OK, UsageError, number_between


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is measured."""
    parser.add_argument(
        "what", metavar="decode", choices=("decode",), help="load, prefill and decode speed"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="write a plot, an SVG")
    parser.add_argument("--model", metavar="DIR", type=Path, help="model directory")
    parser.add_argument(
        "--threads", metavar="N", type=number_between(int, 1, 1024), help="default: the cores, <= 8"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    from evaluation.decode import bench_decode, plot, table
    from inference import EngineConfig, default_model

    config = (
        EngineConfig() if arguments.threads is None else EngineConfig(threads=arguments.threads)
    )
    report = bench_decode(arguments.model or default_model(), config)
    if arguments.plot is not None:
        try:
            arguments.plot.write_text(plot(report), encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"expected a file that can be written, got {str(arguments.plot)!r}: "
                f"{error.strerror}"
            ) from error
    print(json.dumps(asdict(report)) if arguments.json else table(report))
    return EXIT_OK
