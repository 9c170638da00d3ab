"""Export a checkpoint of full size: how much memory does it take, and does a kill change the bytes?

    python -m benchmarks.export_large [gpt-oss-20b] [--folder DIR] [--weights int4] [--keep]

Writes a random checkpoint of a preset to the disk, bf16 and MXFP4 where the preset says so, and
exports it twice: once to the end, and once killed at a random moment and asked for again. The
anonymous memory of each process is sampled (RssAnon, Linux only). Everything that was written is
removed, but with --keep the model directory, for `mixline bench decode --model`. gpt-oss-20b takes
26 GB of disk.
"""

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evaluation.operators.load import process_memory
from inference.manifest import TOKENIZER_NAME
from inference.model_dir import default_model
from onnx_export.arch import read_spec
from onnx_export.pack import down_dims, gate_up_dims
from onnx_export.presets import checkpoint_folder
from onnx_export.quantize.plan import kept_as_stored, plan
from onnx_export.random_checkpoint import write_random_checkpoint
from onnx_export.source import open_config

EVERY_S: Final = 0.02
MEGABYTE: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process that exports."""

    seconds: float
    anonymous_bytes: int  # the most of all samples
    is_killed: bool


def main() -> None:
    """Write, export twice, compare, remove."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("preset", nargs="?", type=Path, default=Path("gpt-oss-20b"))
    parser.add_argument("--folder", type=Path, help="on a disk with room; default: temporary")
    parser.add_argument("--weights", default="int4")
    parser.add_argument("--keep", action="store_true", help="leave the model directory there")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mixline-export-", dir=arguments.folder))
    try:
        compare(folder, arguments.preset, arguments.weights)
    finally:
        shutil.rmtree(folder / "checkpoint", ignore_errors=True)
        if not arguments.keep:
            shutil.rmtree(folder)


def compare(folder: Path, preset: Path, weights: str) -> None:
    """Print what both exports took and whether they are the same."""
    spec = read_spec(open_config(preset))
    chosen = kept_as_stored(plan(weights), spec, weights)
    experts = spec.mixtures[0].experts
    layer_bytes = sum(
        count * num_bytes
        for count, num_bytes in (
            gate_up_dims(experts, chosen.experts, chosen.block),
            down_dims(experts, chosen.experts, chosen.block),
        )
    )
    checkpoint, model = folder / "checkpoint", folder / preset.name
    config = json.loads((checkpoint_folder(preset) / "config.json").read_text("utf-8"))
    started = time.monotonic()
    write_random_checkpoint(checkpoint, config, default_model() / TOKENIZER_NAME, dtype="BF16")
    print(
        f"checkpoint {total_bytes(checkpoint) / MEGABYTE:,.0f} MB, written in"
        f" {time.monotonic() - started:.0f} s; a layer's experts"
        f" {layer_bytes / MEGABYTE:,.0f} MB as {chosen.experts}",
        flush=True,
    )
    whole = export(checkpoint, model, weights)
    show("whole", whole)
    print(f"model {total_bytes(model) / MEGABYTE:,.0f} MB", flush=True)
    expected = digests(model)
    shutil.rmtree(model)
    show("killed", export(checkpoint, model, weights, random.uniform(0.2, 0.8) * whole.seconds))  # noqa: S311
    if model.exists():
        raise SystemExit("the killed export left a model directory")
    show("resumed", export(checkpoint, model, weights))
    found = digests(model)
    for name, digest in expected.items():
        print(f"{name} {digest[:16]} {'equal' if found[name] == digest else 'DIFFERS'}")


def export(checkpoint: Path, model: Path, weights: str, kill_after_s: float | None = None) -> Run:
    """Export in a process of its own, killed after so many seconds if it still runs.

    Raises:
        SystemExit: the export failed.
    """
    command = [*(sys.executable, "-m", "mixline", "export"), str(checkpoint), str(model)]
    started = time.monotonic()
    most = 0
    with subprocess.Popen([*command, "--weights", weights]) as process:  # noqa: S603 - ourselves
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            most = max(most, anonymous_bytes(status))
            if kill_after_s is not None and time.monotonic() - started > kill_after_s:
                process.kill()
                break
            time.sleep(EVERY_S)
    if process.returncode and kill_after_s is None:
        raise SystemExit(f"the export failed with exit status {process.returncode}")
    return Run(
        seconds=time.monotonic() - started,
        anonymous_bytes=most,
        is_killed=process.returncode != 0,
    )


def anonymous_bytes(status: Path) -> int:
    """Return RssAnon; 0 of a process that has just ended."""
    try:
        return process_memory(status).anonymous
    except KeyError:
        return 0


def show(name: str, run: Run) -> None:
    """Print one run."""
    end = "killed" if run.is_killed else "complete"
    print(
        f"{name}: {end} after {run.seconds:.0f} s, at most"
        f" {run.anonymous_bytes / MEGABYTE:,.0f} MB anonymous",
        flush=True,
    )


def total_bytes(folder: Path) -> int:
    """Return the size of a folder's files."""
    return sum(file.stat().st_size for file in folder.iterdir())


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file."""
    found = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


if __name__ == "__main__":
    main()
