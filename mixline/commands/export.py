"""Turn a Hugging Face checkpoint into a model directory that the language server runs."""

import argparse
import sys
import time
from collections import deque
from pathlib import Path

from mixline.usage import EXIT_OK, UsageError, number_between

REDRAW_SECONDS = 0.2
RECENT = 150  # redraws by which the time left is judged: half a minute
MEGABYTE = 1_000_000


class _Progress:
    """One line on stderr: share, megabytes, seconds left; only on a terminal."""

    def __init__(self) -> None:
        self._drawn = 0.0
        # (time, bytes): what an earlier run had finished goes by faster than the rest
        self._recent: deque[tuple[float, int]] = deque(maxlen=RECENT)

    def __call__(self, done_bytes: int, total_bytes: int, what: str) -> None:
        now = time.monotonic()
        if not sys.stderr.isatty() or now - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = now
        share = done_bytes / max(total_bytes, 1)
        self._recent.append((now, done_bytes))
        then, before = self._recent[0]
        left = (now - then) * (total_bytes - done_bytes) / max(done_bytes - before, 1)
        size = f"{done_bytes / MEGABYTE:,.0f} of {total_bytes / MEGABYTE:,.0f} MB"
        time_left = f"{left:,.0f} s left" if len(self._recent) > 1 else ""
        print(
            f"\r\x1b[K{share:6.1%}  {size}  {time_left}  {what}",
            end="",
            file=sys.stderr,
            flush=True,
        )

    def close(self) -> None:
        """Clear the line."""
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare source, target and precision."""
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT_DIR",
        type=Path,
        help="with --random-weights the name of a preset too, see docs/models.md",
    )
    parser.add_argument("out", metavar="OUT_DIR", type=Path)
    parser.add_argument(
        "--weights",
        choices=("int4", "int8", "fp16", "fp32", "keep"),
        default="int4",
        help="precision of the matrices (int4)",
    )
    parser.add_argument(
        "--attention",
        choices=("auto", "cached", "group_query"),
        default="auto",
        help="mixline's operator or ONNX Runtime's (auto: the faster one)",
    )
    parser.add_argument(
        "--kv",
        choices=("auto", "f32", "int8"),
        default="auto",
        help="format of the key/value cache; int8 takes 0.28 of the memory (auto: int8 for a "
        "context of 8,192 tokens and more, if weights are rounded too)",
    )
    parser.add_argument(
        "--providers", metavar="LIST", default="cpu", help="graphs to write, e.g. cpu,cuda (cpu)"
    )
    parser.add_argument(
        "--random-weights",
        action="store_true",
        help="draw the weights of a config.json, to measure speed and memory without a checkpoint",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=number_between(int, 0, 2**31 - 1),
        help="of random weights (0); the same seed gives the same bytes",
    )
    parser.add_argument(
        "--layers",
        metavar="N",
        type=number_between(int, 1, 1024),
        help="with random weights: only so many of the layers",
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="compare the result's logits with the checkpoint's, computed by transformers if it is "
        "installed and the model fits, else in numpy",
    )


def run(arguments: argparse.Namespace) -> int:
    """Export and say what was written."""
    for name in ("seed", "layers"):
        if getattr(arguments, name) is not None and not arguments.random_weights:
            raise UsageError(f"--{name} goes with --random-weights")
    try:
        from onnx_export import RandomWeights, export_checkpoint, transformers_logits
    except ModuleNotFoundError as error:
        raise UsageError(
            f"exporting needs the package {error.name!r}; install it with: "
            "pip install 'mixline[export]'"
        ) from error
    from inference.logits import prompt_logits
    from inference.memory import free_bytes

    random = None
    if arguments.random_weights:
        random = RandomWeights(seed=arguments.seed or 0, layers=arguments.layers)
    progress = _Progress()
    try:
        report = export_checkpoint(
            arguments.checkpoint,
            arguments.out,
            weights=arguments.weights,
            attention=arguments.attention,
            kv=arguments.kv,
            providers=tuple(name.strip() for name in arguments.providers.split(",")),
            random=random,
            verify=prompt_logits if arguments.verify else None,
            peer=lambda folder, ids: transformers_logits(folder, ids, free_bytes()),
            progress=progress,
        )
    finally:
        progress.close()
    print(report)
    return EXIT_OK
