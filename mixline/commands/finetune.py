"""Adapt a model directory to a code base: minutes of training, on this machine alone."""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mixline import mixline_version
from mixline.usage import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, UsageError, number_between

if TYPE_CHECKING:
    from training.finetune_tuner import TunerStatus

DEFAULT_MINUTES = 10.0
MAX_MINUTES = 7 * 24 * 60.0
NICENESS = 10
LINE_SECONDS = 15.0
REDRAW_SECONDS = 0.5


class _Progress:
    """One line on stderr: renewed on a terminal, else a new one now and then."""

    def __init__(self) -> None:
        self._shown = 0.0
        self._is_open = False

    def __call__(self, stage: str, status: "TunerStatus | None") -> None:
        now = time.monotonic()
        is_terminal = sys.stderr.isatty()
        if status is None:
            self.close()
            print(stage, file=sys.stderr, flush=True)
            return
        if now - self._shown < (REDRAW_SECONDS if is_terminal else LINE_SECONDS):
            return
        self._shown = now
        minutes, seconds = divmod(int(status.seconds_left), 60)
        line = (
            f"{status.share:4.0%}  step {status.step}, {status.tokens / 1e6:.2f} M tokens,"
            f" {status.tokens_per_second:,.0f}/s, {status.bits_per_byte:.4f} bits/byte"
            f" (best {status.best_bits_per_byte:.4f}), at most {minutes}:{seconds:02d} left"
        )
        self._is_open = is_terminal
        start, end = ("\r\x1b[K", "") if is_terminal else ("", "\n")
        print(f"{start}{line}", end=end, file=sys.stderr, flush=True)

    def close(self) -> None:
        """End an open line."""
        if self._is_open:
            print(file=sys.stderr)
            self._is_open = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare workspace, target, base model and time."""
    parser.add_argument("workspace", metavar="WORKSPACE", type=Path, help="folder of code")
    parser.add_argument("out", metavar="OUT_DIR", type=Path, help="model directory to make")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--model", metavar="DIR", type=Path, help="model directory to begin with")
    parser.add_argument(
        "--minutes",
        metavar="M",
        type=number_between(float, 0.01, MAX_MINUTES),
        default=DEFAULT_MINUTES,
        help=f"training time (default {DEFAULT_MINUTES:g}); measuring comes on top",
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, measure, write, and say what came out."""
    if not arguments.workspace.is_dir():
        raise UsageError(
            f"{arguments.workspace}: expected a folder of code, found"
            f" {'a file' if arguments.workspace.exists() else 'nothing'}"
        )
    _stay_in_the_background()
    try:
        from training.allocator import keep_memory
        from training.filters import MAX_BYTES, SUFFIXES
        from training.finetune import FinetuneRequest, finetune
        from training.finetune_errors import FinetuneStoppedError
    except ModuleNotFoundError as error:
        print(
            f"mixline finetune: expected the package {error.name!r}, which fine-tuning needs, found"
            " none; install it with: pip install 'mixline[train]'",
            file=sys.stderr,
        )
        return EXIT_FAILED
    keep_memory()
    import torch

    from inference import default_model, default_threads
    from inference.logits import prompt_logits
    from inference.memory import free_bytes
    from inference.model_dir import ModelDir
    from mixline.workspace_files import workspace_files

    torch.set_num_threads(default_threads())
    progress = _Progress()
    try:
        report = finetune(
            FinetuneRequest(
                base=ModelDir.open(arguments.model or default_model()),
                files=list(workspace_files(arguments.workspace, SUFFIXES, MAX_BYTES)),
                out=arguments.out,
                cache=_cache_folder(),
                minutes=arguments.minutes,
                tool=f"mixline {mixline_version()}",
                free_bytes=free_bytes(),
                logits=prompt_logits,
            ),
            progress,
        )
    except FinetuneStoppedError as error:
        progress.close()
        print(f"mixline finetune: {error}", file=sys.stderr)
        return EXIT_INTERRUPTED
    finally:
        progress.close()
    print(json.dumps(asdict(report)) if arguments.json else report)
    return EXIT_OK


def _stay_in_the_background() -> None:
    """Leave the processor to others; must come before torch is imported."""
    # Threads that wait for each other would spin, which starves everything else on a few cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    missing = NICENESS - os.nice(0)
    if missing > 0:
        os.nice(missing)


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "mixline" / "finetune"
