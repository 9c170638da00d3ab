"""The subcommands of `python -m training`, each a few lines around a module."""

# A subcommand imports what it needs when it runs: the corpus is built without torch.
# ruff: noqa: PLC0415

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from training.errors import TrainingError
from training.gpu_commands import add_gpu
from training.schedule import Budget


def _corpus(arguments: argparse.Namespace) -> int:
    from training.corpus import build
    from training.errors import CorpusError
    from training.sources import Source, checkout, installed, standard_library

    sources: list[Source] = [standard_library()] if arguments.stdlib else []
    left_out: list[str] = []
    folders = [*arguments.folders]
    for parent in arguments.each:
        folders += sorted(path for path in parent.iterdir() if path.is_dir())
    for folder in folders:
        try:
            sources.append(checkout(folder))
        except CorpusError as error:
            left_out.append(str(error))
    for site_packages in arguments.site_packages:
        for found in installed(site_packages):
            if isinstance(found, str):
                left_out.append(found)
            else:
                sources.append(found)
    index = build(sources, arguments.out, benchmarks=arguments.benchmark, left_out=left_out)
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
    print(f"{arguments.out}: {index['bytes']} bytes from {len(sources)} sources")
    return 0


def _benchmark_hashes(arguments: argparse.Namespace) -> int:
    from training.benchmarks import benchmark_hashes

    for digest in sorted(benchmark_hashes(arguments.files)):
        print(digest)
    return 0


def _tokenizer(arguments: argparse.Namespace) -> int:
    from training import tokenizer
    from training.corpus import open_corpus

    trained = tokenizer.train(open_corpus(arguments.corpus), vocab=arguments.vocab)
    tokenizer.save(trained, arguments.out)
    print(f"{arguments.out}: {trained.get_vocab_size()} tokens")
    return 0


def _bugs(arguments: argparse.Namespace) -> int:
    from training.bugs import write
    from training.corpus import open_corpus

    written = write(
        open_corpus(arguments.corpus), arguments.out, count=arguments.count, seed=arguments.seed
    )
    print(f"{arguments.out}: {written} bugs")
    return 0


def _pretrain(arguments: argparse.Namespace) -> int:
    from training.corpus import open_corpus
    from training.fixes import FixIndex
    from training.pretrain import pretrain
    from training.recipe import load_recipe
    from training.tokenizer import load_plain
    from training.trainer import Run

    run = Run(
        recipe=load_recipe(arguments.recipe),
        corpus=open_corpus(arguments.corpus),
        tokenizer=load_plain(arguments.tokenizer),
        out=arguments.out,
        budget=_budget(arguments),
        fixes=None if arguments.bugs is None else FixIndex(arguments.bugs),
        device=arguments.device,
        tokenizer_path=arguments.tokenizer,
        workers=arguments.workers,
        kernel=arguments.kernel,
        compiled=arguments.compile,
    )
    return 0 if pretrain(run) else 1


def _budget(arguments: argparse.Namespace) -> Budget:
    if arguments.until is not None:
        return Budget(until=arguments.until.timestamp())
    if arguments.tokens is not None:
        return Budget(tokens=arguments.tokens)
    return Budget(seconds=arguments.minutes * 60)


def _plot(arguments: argparse.Namespace) -> int:
    from training.plot import draw, read_log

    draw(read_log(arguments.log), arguments.out, str(arguments.log))
    print(arguments.out)
    return 0


def _export_checkpoint(arguments: argparse.Namespace) -> int:
    from training.export_checkpoint import export_checkpoint

    export_checkpoint(
        arguments.checkpoint, arguments.tokenizer, arguments.out, rounded=arguments.rounded
    )
    print(f"{arguments.out}: Hugging Face qwen3_moe checkpoint")
    return 0


def _export_gguf(arguments: argparse.Namespace) -> int:
    from training.export_gguf import export_gguf

    export_gguf(arguments.source, arguments.out, weights=arguments.weights)
    megabytes = arguments.out.stat().st_size / 1e6
    print(f"{arguments.out}: qwen3moe, {arguments.weights}, {megabytes:.1f} MB")
    return 0


def _measure(arguments: argparse.Namespace) -> int:
    from training.corpus import open_corpus
    from training.export_checkpoint import open_model
    from training.measure import measure
    from training.tokenizer import load_plain

    figures = measure(
        open_model(arguments.checkpoint),
        load_plain(arguments.tokenizer),
        open_corpus(arguments.corpus),
        num_files=arguments.files,
        positions=arguments.positions,
    )
    print(json.dumps(figures, indent=1))
    return 0


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


_Command = Callable[
    [str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser
]  # name, function, help


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    corpus = command(
        "corpus", _corpus, "Build a corpus from folders of permissively licensed code."
    )
    corpus.add_argument("folders", nargs="*", type=Path, help="checkouts, one project each")
    corpus.add_argument("--out", type=Path, required=True, help="corpus directory to write")
    corpus.add_argument(
        "--each", type=Path, action="append", default=[], help="a folder of checkouts"
    )
    corpus.add_argument("--stdlib", action="store_true", help="add this Python's standard library")
    corpus.add_argument(
        "--site-packages", type=Path, action="append", default=[], help="installed packages"
    )
    corpus.add_argument(
        "--benchmark",
        type=Path,
        action="append",
        default=[],
        help="further benchmarks whose functions must not be in the corpus",
    )

    hashes = command(
        "benchmark-hashes", _benchmark_hashes, "Print hashes of the functions of benchmarks."
    )
    hashes.add_argument("files", nargs="+", type=Path, help="JSON lines of tasks, or programs")

    tokenizer = command("tokenizer", _tokenizer, "Learn the byte-level BPE tokenizer.")
    tokenizer.add_argument("--corpus", type=Path, required=True)
    tokenizer.add_argument("--vocab", type=int, default=8192)
    tokenizer.add_argument("--out", type=Path, required=True, help="tokenizer.json to write")

    bugs = command("bugs", _bugs, "Inject bugs for the fix task and keep what ruff reports.")
    bugs.add_argument("--corpus", type=Path, required=True)
    bugs.add_argument("--count", type=int, default=20_000)
    bugs.add_argument("--seed", type=int, default=1)
    bugs.add_argument("--out", type=Path, required=True, help="JSON lines to write")

    _add_pretrain(command)
    _add_results(command)
    add_gpu(commands)
    return parser


def _add_pretrain(command: _Command) -> None:
    """Add the subcommand that trains."""
    train = command("pretrain", _pretrain, "Train, or go on where the run in --out stopped.")
    train.add_argument("recipe", help="tiny, cpu, gpu, or the path of a TOML file")
    train.add_argument("--corpus", type=Path, required=True)
    train.add_argument("--tokenizer", type=Path, required=True)
    train.add_argument("--bugs", type=Path, help="injected bugs for the fix task")
    train.add_argument("--out", type=Path, required=True, help="folder of checkpoints and log")
    train.add_argument("--device", default="cpu", help="cpu or cuda")
    train.add_argument(
        "--workers", type=int, help="processes that make rows (none on a CPU, most cores on a GPU)"
    )
    train.add_argument(
        "--kernel",
        choices=("auto", "loop", "grouped", "padded"),
        default="auto",
        help="how experts run: tried out on a GPU, the loop on a CPU",
    )
    train.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="compile the layers on a GPU",
    )
    budget = train.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="training time of the whole run")
    budget.add_argument("--tokens", type=int, help="tokens of the whole run")
    budget.add_argument("--until", type=_moment, help="end at this time (ISO 8601, UTC)")


def _add_results(command: _Command) -> None:
    """Add the subcommands that make something of a run."""
    plot = command("plot", _plot, "Draw a run's log: loss, speed, experts, learning rate.")
    plot.add_argument("log", type=Path, help="log.jsonl of a run")
    plot.add_argument("out", type=Path, help="PNG file to write")

    figures = command("measure", _measure, "Bits per byte and exact lines on held-out files.")
    figures.add_argument("checkpoint", type=Path, help="last.pt, stable.pt or final.pt of a run")
    figures.add_argument("--corpus", type=Path, required=True)
    figures.add_argument("--tokenizer", type=Path, required=True)
    figures.add_argument("--files", type=int, default=150, help="files read for bits per byte")
    figures.add_argument("--positions", type=int, default=1000, help="cursors of each kind")

    export = command(
        "export-checkpoint", _export_checkpoint, "Write a Hugging Face checkpoint (qwen3_moe)."
    )
    export.add_argument("checkpoint", type=Path, help="last.pt, stable.pt or final.pt of a run")
    export.add_argument("out", type=Path)
    export.add_argument("--tokenizer", type=Path, required=True)
    export.add_argument(
        "--rounded",
        action="store_true",
        help="matrices as the 4-bit-aware finish saw them: for the final.pt of a run",
    )

    gguf = command("export-gguf", _export_gguf, "Write a GGUF file for llama.cpp.")
    gguf.add_argument(
        "source", type=Path, help="Hugging Face checkpoint (qwen3_moe) or model directory"
    )
    gguf.add_argument("out", type=Path, help="file to write")
    gguf.add_argument(
        "--weights", choices=("f32", "f16", "q8_0", "q4_0"), default="f32", help="of the matrices"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand; a user's mistake prints one sentence and gives 1."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return status
