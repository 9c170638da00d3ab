"""Measure this machine with a model directory; absolute times drift, so quote ratios."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mixline.usage import EXIT_OK, UsageError, number_between, written_to

if TYPE_CHECKING:
    from evaluation.decode import DecodeReport
    from evaluation.keystrokes.report import KeystrokesReport
    from evaluation.operators.report import OpsReport

BENCHMARKS = ("ops", "decode", "keystrokes")
MAX_TOKENS = 4096
# Options that not every benchmark knows.
_OPTIONS = {
    "calls": ("ops",),
    "data": ("keystrokes",),
    "model": ("decode", "keystrokes"),
    "large": ("keystrokes",),
    "passages": ("keystrokes",),
    "peer": ("keystrokes",),
    "seed": ("keystrokes",),
    "shapes": ("ops",),
    "skip_idle": ("keystrokes",),
    "threads": ("ops", "decode"),
    "tokens": ("ops",),
    "weights": ("ops",),
}
# How an option is written where that is not its name.
_FLAGS = {"peer": "--no-peer", "skip_idle": "--skip-idle"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is measured."""
    parser.add_argument(
        "what",
        metavar="|".join(BENCHMARKS),
        choices=BENCHMARKS,
        help="ops: the operators beside ONNX Runtime's and llama.cpp's; decode: load, prefill and "
        "decode speed; keystrokes: real files typed key by key into the language server",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="write a plot, an SVG")
    parser.add_argument(
        "--threads", metavar="N", type=number_between(int, 1, 1024), help="default: the cores, <= 8"
    )
    models = parser.add_argument_group("decode, keystrokes")
    models.add_argument("--model", metavar="DIR", type=Path, help="model directory")
    ops = parser.add_argument_group("ops")
    ops.add_argument("--shapes", metavar="NAME", nargs="+", help="default: all, and attention")
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
    keystrokes = parser.add_argument_group("keystrokes")
    keystrokes.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        help="folder of repositories; default: this project's packages",
    )
    keystrokes.add_argument(
        "--passages",
        metavar="N",
        type=number_between(int, 1, 10_000),
        help="how many passages are typed, about 1.5 minutes each; default: 6",
    )
    keystrokes.add_argument(
        "--large",
        metavar="N",
        type=number_between(int, 0, 1_000),
        help="more passages in a file of 5,000 lines, and as many in one of 1 MB; default: 1",
    )
    keystrokes.add_argument(
        "--no-peer",
        dest="peer",
        action="store_false",
        default=None,
        help="without llama.cpp, which is measured beside ours where it is installed",
    )
    keystrokes.add_argument(
        "--skip-idle",
        action="store_true",
        default=None,
        help="leave out pauses in which the server has nothing to do",
    )
    keystrokes.add_argument(
        "--seed", metavar="N", type=number_between(int, 0, 2**31 - 1), help="default: 0"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    given = {
        name
        for name in _OPTIONS
        if getattr(arguments, name) is not None and arguments.what not in _OPTIONS[name]
    }
    for name in sorted(given):
        fitting = " and ".join(f"`mixline bench {what}`" for what in _OPTIONS[name])
        raise UsageError(f"{_FLAGS.get(name, f'--{name}')} goes with {fitting}")
    measure = {"ops": _ops, "decode": _decode, "keystrokes": _keystrokes}
    return measure[arguments.what](arguments)


def _ops(arguments: argparse.Namespace) -> int:
    from evaluation.operators.attention import CASES
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
        attention=CASES if arguments.shapes is None else (),
        **({} if arguments.threads is None else {"threads": arguments.threads}),
    )
    report = bench_ops(options)
    return _print(arguments, report, lambda: table(report), lambda: plot(report))


def _decode(arguments: argparse.Namespace) -> int:
    from evaluation.decode import bench_decode, plot, table
    from inference import EngineConfig, default_model

    # Tokens are timed: without a search all that are decoded stand in the text.
    config = EngineConfig(search_ms=0)
    if arguments.threads is not None:
        config = replace(config, threads=arguments.threads)
    report = bench_decode(arguments.model or default_model(), config)
    return _print(arguments, report, lambda: table(report), lambda: plot(report))


def _keystrokes(arguments: argparse.Namespace) -> int:
    from evaluation.keystrokes.bench import KeystrokesOptions, bench_keystrokes
    from evaluation.keystrokes.report import plot, table

    given = {
        name: value
        for name in ("passages", "large", "seed", "skip_idle", "peer")
        if (value := getattr(arguments, name)) is not None
    }
    report = bench_keystrokes(
        KeystrokesOptions(data=arguments.data, model=arguments.model, **given)
    )
    return _print(arguments, report, lambda: table(report), lambda: plot(report))


def _print(
    arguments: argparse.Namespace,
    report: "DecodeReport | KeystrokesReport | OpsReport",
    table: Callable[[], str],
    plot: Callable[[], str],
) -> int:
    if arguments.plot is not None:
        with written_to(arguments.plot):
            arguments.plot.write_text(plot(), encoding="utf-8")
    print(json.dumps(asdict(report)) if arguments.json else table())
    return EXIT_OK
