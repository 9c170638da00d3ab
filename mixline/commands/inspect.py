"""Say what a checkpoint, a preset or a model directory takes, and how fast it can be here."""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mixline.usage import EXIT_OK, UsageError, number_between

if TYPE_CHECKING:
    from evaluation.fit import FitRow
    from evaluation.layer_time import LayerTime
    from evaluation.machine import Machine
    from inference.sizes import ModelSizes

MODEL, CONFIGURATION = "model directory", "configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectReport:
    """The JSON object of `--json`."""

    name: str
    kind: str  # MODEL or CONFIGURATION
    model_type: str
    layers: int
    experts: int
    experts_per_token: int
    total_parameters: int
    active_parameters: int
    context: int
    machine: "Machine"
    threads: int
    read_bandwidth_gbps: float
    memory_free_gb: float
    rows: "list[FitRow]"
    measured: "LayerTime | None"  # only where it was asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    kind: str
    model_type: str
    layers: int
    experts: int
    experts_per_token: int
    total_parameters: int
    active_parameters: int
    context: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is looked at."""
    parser.add_argument(
        "what",
        metavar="CHECKPOINT_OR_MODEL",
        type=Path,
        help="a checkpoint's folder (its config.json is enough), a model directory or a preset",
    )
    parser.add_argument(
        "--run", action="store_true", help="measure decoding steps; of a model directory only"
    )
    parser.add_argument(
        "--as-layers",
        metavar="N",
        type=number_between(int, 1, 1024),
        help="with --run: project the speed to a model of so many of these layers",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--threads", metavar="N", type=number_between(int, 1, 1024), help="default: the cores, <= 8"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure the memory's bandwidth, and the model if asked to, and print."""
    from evaluation.fit import fit_rows
    from evaluation.machine import GIGABYTE, describe_machine
    from evaluation.operators.limits import last_level_cache_bytes, measure_limits
    from inference.config import default_threads
    from inference.memory import free_bytes

    if arguments.as_layers is not None and not arguments.run:
        raise UsageError("--as-layers goes with --run")
    subject, all_sizes = _read(arguments.what)
    if arguments.run and subject.kind != MODEL:
        raise UsageError(
            f"--run needs a model directory, found a {subject.kind}; make one of a single layer"
            " with `mixline export ... --random-weights --layers 1`"
        )
    threads = arguments.threads or default_threads()
    machine = describe_machine()
    free = free_bytes()
    read_gbps = measure_limits(threads).read_gbps
    rows = [
        row
        for sizes in all_sizes
        for row in fit_rows(
            sizes,
            read_gbps=read_gbps,
            cache_bytes=last_level_cache_bytes(),
            free_bytes=free,
            memory_bytes=round(machine.memory_gb * GIGABYTE),
        )
    ]
    measured = None
    if arguments.run:
        from evaluation.layer_time import layer_time

        measured = layer_time(arguments.what, threads, arguments.as_layers)
    report = InspectReport(
        name=arguments.what.name or str(arguments.what),
        **asdict(subject),
        machine=machine,
        threads=threads,
        read_bandwidth_gbps=read_gbps,
        memory_free_gb=round(free / GIGABYTE, 1),
        rows=rows,
        measured=measured,
    )
    print(json.dumps(asdict(report)) if arguments.json else _table(report))
    return EXIT_OK


def _read(path: Path) -> "tuple[_Subject, list[ModelSizes]]":
    from inference.manifest import MANIFEST_NAME
    from inference.model_dir import ModelDir
    from inference.sizes import model_sizes

    if (path / MANIFEST_NAME).is_file():
        model = ModelDir.open(path)
        found = model.manifest.architecture
        return (
            _Subject(
                kind=MODEL,
                **{name: getattr(found, name) for name in _Subject.__slots__ if name != "kind"},
            ),
            [model_sizes(model)],
        )
    try:
        from onnx_export import outlook, preset_names
    except ModuleNotFoundError as error:
        raise UsageError(
            f"looking into a checkpoint needs the package {error.name!r}; install it with: "
            "pip install 'mixline[export]'"
        ) from error
    if not path.exists() and str(path) not in preset_names():
        raise UsageError(
            f"expected the folder of a checkpoint, a model directory or one of the presets"
            f" {', '.join(preset_names())}, found {str(path)!r}"
        )
    seen = outlook(path)
    return (
        _Subject(
            kind=CONFIGURATION,
            **{name: getattr(seen, name) for name in _Subject.__slots__ if name != "kind"},
        ),
        list(seen.sizes.values()),
    )


def _table(report: InspectReport) -> str:
    """Return the report as text and a Markdown table."""
    head = f"""\
{report.name}, {report.kind}, {report.model_type}: {report.layers} layers, \
{report.experts_per_token} of {report.experts} experts, context {report.context:,}
{report.total_parameters / 1e9:,.3g} billion parameters, \
{report.active_parameters / 1e9:,.3g} billion active
{report.machine.processor}, {report.threads} threads, reads {report.read_bandwidth_gbps} GB/s; \
memory {report.machine.memory_gb} GB, {report.memory_free_gb} GB free

| weights | cache | tokens in it | disk GB | memory GB | MB per token | fits | tokens/s at most |
|---|---|---|---|---|---|---|---|
"""
    table = head + "\n".join(
        f"| {row.weights} | {row.kv_format} | {row.context:,} | {row.disk_gb} | {row.memory_gb} "
        f"| {row.token_mb} | {row.fits} "
        f"| {'-' if row.tokens_per_s is None else row.tokens_per_s} |"
        for row in report.rows
    )
    if report.measured is None:
        return table
    run = report.measured
    return table + (
        f"\n\nmeasured: {run.step_ms} ms a token, {run.step_without_head_ms} ms of them in"
        f" {run.layers} layers; {run.projected_layers} such layers:"
        f" {run.projected_tokens_per_s} tokens/s"
    )
