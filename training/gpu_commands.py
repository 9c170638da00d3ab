"""The subcommands of `python -m training gpu`: a run on a machine that is lent for half an hour."""

# A subcommand imports what it needs when it runs: parcels are packed without torch.
# ruff: noqa: PLC0415

import argparse
import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MIB = 1 << 20


def _pack(arguments: argparse.Namespace) -> int:
    from training.gpu_session import bundle
    from training.parcels import pack

    files = {f"corpus/{name}": arguments.corpus / name for name in _CORPUS}
    files["tokenizer.json"] = arguments.tokenizer
    if arguments.bugs is not None:
        files["bugs.jsonl"] = arguments.bugs
    bundle(arguments.out / "code" / "code.tar.gz")
    sizes = pack(
        files,
        arguments.out / "parcels",
        parcel_bytes=int(arguments.parcel_mib * _MIB),
        slice_bytes=int(arguments.slice_mib * _MIB),
    )
    for place, size in enumerate(sizes):
        print(f"{arguments.out / 'parcels' / str(place)}: {size / _MIB:.1f} MiB")
    return 0


_CORPUS = ("text.bin", "files.jsonl", "index.json")


def _code(arguments: argparse.Namespace) -> int:
    from training.gpu_session import bundle

    path = arguments.out / "code" / "code.tar.gz"
    print(f"{path}: {bundle(path)} files")
    return 0


def _unpack(arguments: argparse.Namespace) -> int:
    from training.parcels import unpack

    missing = unpack(arguments.parcel, arguments.work)
    print(f"still incomplete: {', '.join(missing)}" if missing else "complete")
    return 0


def _start(arguments: argparse.Namespace) -> int:
    from training.gpu_session import start

    session = start(
        arguments.work,
        arguments.recipe,
        minutes=arguments.minutes,
        device=arguments.device,
        tokens=arguments.tokens,
        extra=arguments.extra,
    )
    print(f"process {session.pid}, {' '.join(session.budget)}")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from training.gpu_session import status, wait

    wait(arguments.work, arguments.wait)
    print(json.dumps(status(arguments.work), indent=1))
    return 0


def _collect(arguments: argparse.Namespace) -> int:
    from training.gpu_session import newest
    from training.plot import LOG_NAME
    from training.weight_parts import split

    store = arguments.work / f"parts-{arguments.form}"
    checkpoint = newest(arguments.work)
    described = store / "of"
    found = f"{checkpoint.name} {checkpoint.stat().st_mtime_ns}"
    if not described.is_file() or described.read_text(encoding="utf-8") != found:
        shutil.rmtree(store, ignore_errors=True)
        split(checkpoint, store, form=arguments.form)
        described.write_text(found, encoding="utf-8")
    parts = sorted(store.glob("weights-*"), key=lambda path: (path.suffix != ".json", path.name))
    group = parts[1:][4 * arguments.group : 4 * arguments.group + 4]
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in (parts[0], *group, arguments.work / "run" / LOG_NAME, arguments.work / "run.out"):
        shutil.copy(path, arguments.out)
    left = max(0, len(parts) - 1 - 4 * (arguments.group + 1))
    print(f"{checkpoint.name} as {arguments.form}: {len(group)} parts here, {left} in later groups")
    return 0


def _join(arguments: argparse.Namespace) -> int:
    from training.weight_parts import join

    state = join(arguments.folder, arguments.out, form=arguments.form)
    print(f"{arguments.out}: step {state.step}, {state.tokens} tokens, {state.seconds:.0f} s")
    return 0


def add_gpu(commands: Any) -> None:  # noqa: ANN401 - argparse does not name the type
    """Adds `gpu` with its own subcommands."""
    text = "Train on a machine that is lent for half an hour (docs/gpu-log.md)."
    inner = commands.add_parser("gpu", help=text, description=text).add_subparsers(
        required=True, metavar="STEP"
    )

    def step(
        name: str, run: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = inner.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    pack = step("pack", _pack, "Here: pack corpus, tokenizer, bugs and code for the way there.")
    pack.add_argument("out", type=Path, help="folder for parcels/0, parcels/1, ... and code/")
    pack.add_argument("--corpus", type=Path, required=True)
    pack.add_argument("--tokenizer", type=Path, required=True)
    pack.add_argument("--bugs", type=Path)
    pack.add_argument("--parcel-mib", type=float, default=44, help="largest parcel")
    pack.add_argument("--slice-mib", type=float, default=48, help="of a file, before packing")

    code = step("code", _code, "Here: pack the code again, after a change.")
    code.add_argument("out", type=Path, help="folder that `pack` wrote")

    unpack = step("unpack", _unpack, "There: take one parcel.")
    unpack.add_argument("parcel", type=Path)
    unpack.add_argument("work", type=Path)

    start = step("start", _start, "There: start the trainer, or go on after it was killed.")
    start.add_argument("work", type=Path)
    start.add_argument("--recipe", default="gpu")
    budget = start.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, default=0.0, help="from the first start on")
    budget.add_argument("--tokens", type=int, help="of the whole run")
    start.add_argument("--device", default="cuda")
    start.add_argument(
        "--extra", type=shlex.split, default=[], help="further options: --extra='--no-compile'"
    )

    status = step("status", _status, "There: say where the run stands.")
    status.add_argument("work", type=Path)
    status.add_argument(
        "--wait", type=float, default=0, help="first wait so many seconds, or until it has ended"
    )

    collect = step("collect", _collect, "There: write weights and log for the way back.")
    collect.add_argument("work", type=Path)
    collect.add_argument("out", type=Path)
    collect.add_argument("--form", choices=("int4", "bf16"), default="int4")
    collect.add_argument("--group", type=int, default=0, help="which four of the parts")

    join = step("join", _join, "Here: put the parts together as a checkpoint.")
    join.add_argument("folder", type=Path)
    join.add_argument("out", type=Path, help="checkpoint to write, as export-checkpoint takes it")
    join.add_argument("--form", choices=("int4", "bf16"), default="int4")
