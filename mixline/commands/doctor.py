"""Say what is installed, what will be used, and what is missing and how to get it."""

import argparse
import json
import platform
import re
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from inference.errors import MixlineError
from mixline import mixline_version
from mixline.program_on_path import notes_about_path
from mixline.usage import EXIT_FAILED, EXIT_OK, UsageError, number_between, written_to

if TYPE_CHECKING:
    from evaluation.experts import ExpertsReport

PACKAGES = ("numpy", "tokenizers", "pygls", "lsprotocol", "pathspec")
RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
OLDEST_RUNTIME = (1, 23)  # that of pyproject.toml
CPU_FEATURES = ("avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8", "asimddp")
MEGABYTE = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """One model directory, opened and checked byte for byte."""

    name: str
    path: str
    provider: str
    placement: str  # why there
    total_parameters: int
    active_parameters: int
    context_tokens: int
    weights_mb: float
    tasks: tuple[str, ...]
    kv_budget_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """Everything that `mixline doctor` found; `problems` is empty when all is well."""

    versions: dict[str, str]
    system: str
    cpu_features: tuple[str, ...]
    operator_library: str | None
    kernel: str | None
    kernels_available: tuple[str, ...]
    cuda_operators: str
    gpu: str
    memory_free_mb: float
    model: ModelReport | None
    experts: "ExpertsReport | None"  # only where it was asked for
    notes: tuple[str, ...]  # what may hinder editors, though all is well here
    problems: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the model and the output."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--model", metavar="DIR", type=Path, help="model directory to examine")
    parser.add_argument(
        "--experts",
        metavar="PATH",
        type=Path,
        nargs="*",
        help="count how often each expert is chosen on these files or folders;"
        " default: this program's own source",
    )
    parser.add_argument(
        "--tokens",
        metavar="N",
        type=number_between(int, 1, 1_000_000_000),
        help="--experts: read at most so many tokens, default 20000",
    )
    parser.add_argument(
        "--plot", metavar="FILE", type=Path, help="--experts: write a heat map, .svg or .png"
    )


def _release(number: str) -> tuple[int, ...]:
    """Return the leading numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", number)[:2])


def _versions() -> tuple[dict[str, str], list[str]]:
    found = {"mixline": mixline_version(), "python": platform.python_version()}
    problems = []
    for name in (*PACKAGES, *RUNTIMES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            if name in PACKAGES:
                problems.append(f"the package {name} is missing; run: pip install {name}")
    runtimes = [name for name in RUNTIMES if name in found]
    for name in runtimes:
        if _release(found[name]) < OLDEST_RUNTIME:
            oldest = ".".join(map(str, OLDEST_RUNTIME))
            problems.append(
                f"expected {name} {oldest} or newer, found {found[name]}; "
                f"run: pip install --upgrade {name}"
            )
    if len(runtimes) != 1:
        problems.append(
            f"expected exactly one of {' and '.join(RUNTIMES)}, found {len(runtimes)}; "
            "run: pip uninstall -y onnxruntime onnxruntime-gpu && pip install --force-reinstall "
            f"{RUNTIMES[0]}"
        )
    return found, problems


def _cpu_features() -> tuple[str, ...]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ()
    words = set(text.split())
    return tuple(feature for feature in CPU_FEATURES if feature in words)


def _examine_model(path: Path | None) -> ModelReport:
    from inference import Engine, default_model
    from inference.model_dir import ModelDir

    directory = path or default_model()
    ModelDir.open(directory, verify=True)
    with Engine.open(directory) as engine:
        info, status = engine.info, engine.status()
    return ModelReport(
        name=info.name,
        path=str(info.path),
        provider=info.provider,
        placement=info.placement,
        total_parameters=info.total_parameters,
        active_parameters=info.active_parameters,
        context_tokens=info.context,
        weights_mb=round(info.weights_bytes / MEGABYTE, 1),
        tasks=info.tasks,
        kv_budget_tokens=status.kv_budget_tokens,
    )


def _count_experts(arguments: argparse.Namespace) -> "ExpertsReport":
    from evaluation.errors import DataError
    from evaluation.experts import DEFAULT_TOKENS, count_choices
    from evaluation.repositories import read_repositories, read_sources
    from inference import default_model, default_threads

    try:
        sources = read_sources(arguments.experts) if arguments.experts else read_repositories(None)
    except DataError as error:
        raise UsageError(str(error)) from error
    return count_choices(
        arguments.model or default_model(),
        sources,
        tokens=arguments.tokens or DEFAULT_TOKENS,
        threads=default_threads(),
    )


def examine(model: Path | None) -> DoctorReport:
    """Look at this installation; never raises for what is wrong with it."""
    from inference.memory import free_bytes
    from inference.ops.library import available_kernels, chosen_kernel, library_path

    versions, problems = _versions()
    library: str | None = None
    kernel: str | None = None
    kernels: tuple[str, ...] = ()
    try:
        library = str(library_path())
        kernels = tuple(available_kernels())
        kernel = chosen_kernel()
    except MixlineError as error:
        problems.append(str(error))
    cuda = "unusable"
    try:
        cuda = _cuda_operators()
    except MixlineError as error:
        problems.append(str(error))
    report = None
    try:
        report = _examine_model(model)
    except MixlineError as error:
        if str(error) not in problems:
            problems.append(str(error))
    return DoctorReport(
        versions=versions,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu_features=_cpu_features(),
        operator_library=library,
        kernel=kernel,
        kernels_available=kernels,
        cuda_operators=cuda,
        gpu=_gpu(),
        memory_free_mb=round(free_bytes() / MEGABYTE, 1),
        model=report,
        experts=None,
        notes=notes_about_path(),
        problems=tuple(problems),
    )


def _cuda_operators() -> str:
    from inference.ops.cuda_library import find_cuda_library

    library = find_cuda_library()
    return "not built" if library is None else ", ".join(library.architectures)


def _gpu() -> str:
    from inference.gpu import NoGpu, find_gpu

    found = find_gpu()
    if isinstance(found, NoGpu):
        return found.reason
    return (
        f"{found.name} (sm_{found.capability[0]}{found.capability[1]}), driver for CUDA"
        f" {found.driver_cuda}, {found.free_bytes / MEGABYTE:,.0f} of"
        f" {found.total_bytes / MEGABYTE:,.0f} MB free"
    )


def _show(report: DoctorReport) -> None:
    versions = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    print(f"versions   {versions}")
    print(f"system     {report.system}")
    print(f"processor  {', '.join(report.cpu_features) or 'no vector features found'}")
    print(f"operators  {report.operator_library or 'missing'}")
    print(f"kernel     {report.kernel or 'none'} (of {', '.join(report.kernels_available) or '-'})")
    print(f"CUDA       {report.cuda_operators}")
    print(f"GPU        {report.gpu}")
    print(f"memory     {report.memory_free_mb:,.0f} MB available")
    if report.model is not None:
        model = report.model
        print(f"model      {model.name} in {model.path}")
        print(
            f"           {model.total_parameters / 1e6:,.1f} M parameters, "
            f"{model.active_parameters / 1e6:,.1f} M active per token, "
            f"{model.weights_mb:,.1f} MB, context {model.context_tokens:,} tokens, "
            f"tasks: {', '.join(model.tasks)}"
        )
        print(f"provider   {model.provider}: {model.placement}")
        print(f"KV cache   up to {model.kv_budget_tokens:,} tokens over all documents")
    if report.experts is not None:
        from evaluation.experts import table

        print(f"experts    {table(report.experts)}")
    for note in report.notes:
        print(f"note       {note}")
    for problem in report.problems:
        print(f"PROBLEM    {problem}")
    if not report.problems:
        print("all is well")


def run(arguments: argparse.Namespace) -> int:
    """Examine and print; exit status 1 if something is wrong."""
    if arguments.experts is None and (arguments.plot or arguments.tokens):
        raise UsageError("--plot and --tokens go with --experts")
    if arguments.plot and arguments.plot.suffix.lower() not in {".svg", ".png"}:
        raise UsageError(
            f"expected --plot FILE to end in .svg or .png, got {str(arguments.plot)!r}"
        )
    report = examine(arguments.model)
    if arguments.experts is not None and report.model is not None:
        report = replace(report, experts=_count_experts(arguments))
    if arguments.plot and report.experts is not None:
        from evaluation.experts import heat_map

        with written_to(arguments.plot):
            heat_map(report.experts).write(arguments.plot)
    if arguments.json:
        print(json.dumps(asdict(report)))
    else:
        _show(report)
    return EXIT_FAILED if report.problems else EXIT_OK
