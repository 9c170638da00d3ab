"""Fine-tune a model directory on a workspace, measured before and after on files it never saw."""

import hashlib
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer

from inference.model_dir import ModelDir
from onnx_export import read_weights, write_adapted
from training import checkpoint
from training.causal_attention import kept_bytes
from training.errors import CheckpointError
from training.finetune_data import (
    SourceText,
    Split,
    WorkspaceRows,
    load_tokenizer,
    read_sources,
    split,
)
from training.finetune_errors import FinetuneError, FinetuneStoppedError
from training.finetune_model import TunedModel
from training.finetune_tuner import ROWS, Tuner, TunerPlan, TunerStatus
from training.heldout import bits_per_byte

RANK: Final = 16
SEED: Final = 1
MAX_CONTEXT: Final = 1024
"""Tokens of a row and of a window that is measured, where the model takes as many."""
SETTINGS_VERSION: Final = 4
"""Goes up when a checkpoint of before cannot be gone on from."""
_BYTES_PER_PARAMETER: Final = 6  # f32, and what stands twice while it is read
_WORK_BYTES: Final = 2**30
_MAX_PRODUCED_BY: Final = 200
_CHECK_TOKENS: Final = 192
_CHECK_NATS: Final = 0.05
_MEASURE_ROWS: Final = 4

LogitsFunction = Callable[[Path, npt.NDArray[np.int64]], npt.NDArray[np.float32]]
Report = Callable[[str, TunerStatus | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneRequest:
    """What is fine-tuned, on what, and where the result goes."""

    base: ModelDir
    files: Sequence[tuple[str, bytes]]
    """Path relative to the workspace, with "/", and contents, of every file that may be read."""
    out: Path
    cache: Path
    """Folder for checkpoints; holds nothing any more when the run has ended."""
    minutes: float
    """Training time; measuring before and after comes on top."""
    tool: str
    """Name and version of the program, for the manifest."""
    free_bytes: int
    """Memory that may be used."""
    logits: LogitsFunction
    """Runs a model directory: the result is compared with what was trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneReport:
    """What came out; bits per byte on the held-out files."""

    out: str
    base: str
    train_files: int
    train_bytes: int
    heldout_files: int
    heldout_bytes: int
    bits_per_byte_before: float
    bits_per_byte_after: float
    change: float
    """After over before, less 1: negative is better."""
    steps: int
    tokens: int
    seconds: float
    resumed: bool

    def __str__(self) -> str:
        return (
            f"{self.out}: {self.bits_per_byte_before:.4f} bits/byte before,"
            f" {self.bits_per_byte_after:.4f} after ({self.change:+.1%}) on {self.heldout_files}"
            f" unseen files ({self.heldout_bytes / 1e3:,.0f} kB); learned from {self.train_files}"
            f" files ({self.train_bytes / 1e3:,.0f} kB) in {self.seconds / 60:.1f} minutes,"
            f" {self.tokens / 1e6:.2f} M tokens"
        )


def finetune(
    request: FinetuneRequest, report: Report = lambda _stage, _status: None
) -> FinetuneReport:
    """Train adapters, router and norms on the files, and write the model if it got better.

    Args:
        request: what to do.
        report: told what goes on, and how far the training is.

    Raises:
        FinetuneError: too little code or memory, no better result, or another run is under way.
        FinetuneStoppedError: SIGINT or SIGTERM came; the same request goes on from there.
        MixlineError: the model is of another family, or the directory cannot be written.
    """
    base = request.base
    if request.out.exists() or request.out.is_symlink():
        raise FinetuneError(
            f"{request.out}: expected no such file or folder, found one; remove it or name another"
        )
    _check_memory(request)
    parts = split(read_sources(request.files), SEED)
    tokenizer = load_tokenizer(base.tokenizer)
    identity = _identity(base, parts)
    folder = request.cache / identity[:24]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with checkpoint.locked(folder):
            try:
                result = _run(request, parts, tokenizer, identity, folder, report)
            except FinetuneStoppedError:
                raise
            except FinetuneError:  # going on would end the same way
                shutil.rmtree(folder, ignore_errors=True)
                raise
            shutil.rmtree(folder, ignore_errors=True)
            return result
    except CheckpointError as error:
        raise FinetuneError(
            f"expected no other fine-tuning of {base.path} on these files, but one is under way;"
            " wait for it"
        ) from error


def _run(
    request: FinetuneRequest,
    parts: Split,
    tokenizer: Tokenizer,
    identity: str,
    folder: Path,
    report: Report,
) -> FinetuneReport:
    manifest = request.base.manifest
    report("reading the model", None)
    model = TunedModel(manifest.architecture, read_weights(request.base), rank=RANK)
    context = min(MAX_CONTEXT, manifest.architecture.context)

    def measure(files: Sequence[SourceText]) -> float:
        texts = [file.text for file in files]
        bits, _ = bits_per_byte(model, tokenizer, texts, context=context, rows=_MEASURE_ROWS)
        return bits

    report("measuring the unseen files before", None)
    before = measure(parts.heldout)
    plan = TunerPlan(
        rows=WorkspaceRows(parts.train, tokenizer, manifest, context=context, seed=SEED),
        validate=lambda _model: measure(parts.validation),
        folder=folder,
        identity=identity,
        seconds=request.minutes * 60,
    )
    tuner = Tuner(model, plan)
    with _stop_flag() as stopped:
        for status in tuner.steps():
            report("training", status)
            if stopped[0]:
                tuner.save()
                raise FinetuneStoppedError(
                    f"stopped after {tuner.state.seconds / 60:.1f} of {request.minutes:g} minutes;"
                    " run the same command again to go on"
                )
    report("measuring the unseen files after", None)
    after = measure(parts.heldout)
    result = FinetuneReport(
        out=str(request.out),
        base=manifest.name,
        train_files=len(parts.train),
        train_bytes=sum(file.num_bytes for file in parts.train),
        heldout_files=len(parts.heldout),
        heldout_bytes=sum(file.num_bytes for file in parts.heldout),
        bits_per_byte_before=round(before, 5),
        bits_per_byte_after=round(after, 5),
        change=round(after / before - 1, 5),
        steps=tuner.state.step,
        tokens=tuner.state.tokens,
        seconds=round(tuner.watch.seconds, 1),
        resumed=tuner.is_resumed,
    )
    if not after < before:
        raise FinetuneError(
            f"{request.out} was not written: {before:.4f} bits/byte on {len(parts.heldout)} unseen"
            f" files before, {after:.4f} after, which is no better; try a larger workspace, or"
            " more minutes if they ran out"
        )
    report("writing the model", None)
    _check_base(request.base)
    sample = _sample(tokenizer, parts)
    write_adapted(
        request.base,
        request.out,
        model.tuned(),
        produced_by=_produced_by(request, result),
        check=lambda path: _check_graph(model, path, sample, request.logits),
    )
    return result


def _identity(base: ModelDir, parts: Split) -> str:
    """Digest everything on which the course of a run depends."""
    digest = hashlib.sha256()
    for name, entry in sorted(base.manifest.files.items()):
        digest.update(f"{name} {entry.sha256}\n".encode())
    digest.update(f"{parts.digest} {RANK} {SEED} {SETTINGS_VERSION}".encode())
    return digest.hexdigest()


def _check_memory(request: FinetuneRequest) -> None:
    sizes = request.base.manifest.architecture
    length = min(MAX_CONTEXT, sizes.context)
    kept = ROWS * sizes.layers * kept_bytes(sizes.heads, length)
    needed = sizes.total_parameters * _BYTES_PER_PARAMETER + kept + _WORK_BYTES
    if needed > request.free_bytes:
        raise FinetuneError(
            f"expected {needed / 1e9:,.1f} GB of free memory to fine-tune a model of"
            f" {sizes.total_parameters / 1e6:,.0f} M parameters, found"
            f" {request.free_bytes / 1e9:,.1f} GB; use a smaller model or another machine"
        )


def _check_base(base: ModelDir) -> None:
    """Refuse to build on files that are not those that were trained on any more."""
    if ModelDir.open(base.path).manifest != base.manifest:
        raise FinetuneError(
            f"{base.path}: expected the model that the run began with, found another one in its"
            " place; run the command again to adapt that one"
        )


def _sample(tokenizer: Tokenizer, parts: Split) -> npt.NDArray[np.int64]:
    text = max((file.text for file in parts.heldout), key=len)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    return np.array(ids[:_CHECK_TOKENS], np.int64)


def _check_graph(
    model: TunedModel, path: Path, ids: npt.NDArray[np.int64], logits: LogitsFunction
) -> None:
    """Compare the written graph with the network that was measured."""
    with torch.no_grad():
        expected = model.logits(torch.from_numpy(ids)[None])[0]
    found = torch.from_numpy(logits(path, ids))
    nats = [
        float(torch.nn.functional.cross_entropy(scores[:-1], torch.from_numpy(ids[1:])))
        for scores in (expected, found)
    ]
    # The graph rounds activations to 8 bits where weights are quantised; more is a mistake.
    if not abs(nats[0] - nats[1]) <= _CHECK_NATS:
        raise FinetuneError(
            f"{path.name}: expected {nats[0]:.3f} nats a token from the written graph, found"
            f" {nats[1]:.3f}; nothing was written, please report this"
        )


def _produced_by(request: FinetuneRequest, result: FinetuneReport) -> str:
    manifest = request.base.manifest
    day = datetime.now(UTC).date().isoformat()
    note = (
        f"{request.tool} finetune, {day}, {result.seconds / 60:.1f} minutes, from {manifest.name}"
        f" (by {manifest.produced_by})"
    )
    return note[:_MAX_PRODUCED_BY]


@contextmanager
def _stop_flag() -> Iterator[list[bool]]:
    """Turn SIGTERM and SIGINT into a flag, so that the step in progress is not lost."""
    stopped = [False]
    if threading.current_thread() is not threading.main_thread():
        yield stopped  # only the main thread may take signals
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        stopped[0] = True

    previous = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
