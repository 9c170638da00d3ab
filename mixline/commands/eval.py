"""Measure how good a model directory is; every rate with its n and its 95 % interval."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mixline.usage import EXIT_OK, UsageError, effort, number_between, written_to

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from evaluation.options import Options

BENCHMARKS = (
    *("infilling", "humaneval", "next-line", "gate", "bits", "memorisation", "fixes"),
    "docstrings",
)

_MODULES = {"fixes": "evaluation.fixes.bench"}  # of benchmarks that have another name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare benchmark, data and model."""
    parser.add_argument("what", metavar="|".join(BENCHMARKS), choices=BENCHMARKS)
    parser.add_argument(
        "--data",
        metavar="PATH",
        type=Path,
        help="problems (.jsonl, .jsonl.gz), a folder of repositories, or (memorisation) a corpus;"
        " default: a tiny sample",
    )
    parser.add_argument(
        "--limit",
        metavar="N",
        type=number_between(int, 1, 1_000_000),
        help="at most so many problems, places or files",
    )
    parser.add_argument("--model", metavar="DIR", type=Path, help="model directory")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="gate: write a plot, an SVG")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--fresh", action="store_true", help="measure again what a former run had measured"
    )
    parser.add_argument(
        "--no-workspace-expert",
        action="store_true",
        help="infilling, humaneval: the network alone (next-line compares both)",
    )
    parser.add_argument(
        "--effort",
        metavar="E",
        type=effort,
        default=1.0,
        help="bits: what a share of the experts (0.5) or of the router's mass (p0.8) costs",
    )
    parser.add_argument(
        "--against",
        metavar="DIR",
        type=Path,
        help="bits: another export of the same model, read side by side",
    )
    parser.add_argument(
        "--threads", metavar="N", type=number_between(int, 1, 1024), help="default: the cores, <= 8"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    from evaluation.errors import DataError
    from evaluation.options import Options, benchmark_config
    from inference import default_model

    data: Path | None = arguments.data
    if data is not None and not data.exists():
        raise UsageError(f"expected data at {str(data)!r}, found nothing; check the path")
    if arguments.no_workspace_expert and arguments.what not in {"infilling", "humaneval"}:
        raise UsageError("--no-workspace-expert goes with infilling and humaneval")
    if arguments.effort != 1.0 and arguments.what != "bits":
        raise UsageError("--effort goes with bits")
    if arguments.plot is not None and arguments.what != "gate":
        raise UsageError("--plot goes with gate")
    if arguments.against is not None and arguments.what != "bits":
        raise UsageError("--against goes with bits")
    options = Options(
        model=arguments.model or default_model(),
        config=benchmark_config(arguments.threads),
        data=data,
        limit=arguments.limit,
        workspace_expert=not arguments.no_workspace_expert,
        effort=arguments.effort,
        fresh=arguments.fresh,
    )
    try:
        if arguments.what == "gate":
            report, table = _gate(options, arguments.plot)
        elif arguments.against is not None:
            report, table = _against(options, arguments.against)
        else:
            report, table = _measure(arguments.what, options)
    except DataError as error:
        raise UsageError(str(error)) from error
    print(json.dumps(asdict(report)) if arguments.json else table)
    return EXIT_OK


def _measure(what: str, options: "Options") -> tuple["DataclassInstance", str]:
    """Return the report of a benchmark, and its table."""
    from importlib import import_module

    module = import_module(_MODULES.get(what, f"evaluation.{what.replace('-', '_')}"))
    report: DataclassInstance = module.evaluate(options)
    return report, module.table(report)


def _gate(options: "Options", plot: Path | None) -> tuple["DataclassInstance", str]:
    """Measure the gate; write its plot."""
    from evaluation import gate

    gated = gate.evaluate(options)
    if plot is not None:
        with written_to(plot):
            plot.write_text(gate.plot(gated), encoding="utf-8")
    return gated, gate.table(gated)


def _against(options: "Options", other: Path) -> tuple["DataclassInstance", str]:
    """Read two models side by side."""
    from evaluation import against

    compared = against.evaluate(options, other)
    return compared, against.table(compared)
