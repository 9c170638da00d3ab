"""Compare an exported model's logits with the checkpoint's, by transformers or in numpy."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from inference.manifest import Quantization
from onnx_export.arch.spec import DecoderSpec
from onnx_export.checkpoint import Checkpoint
from onnx_export.errors import ExportError
from onnx_export.reference import ReferenceDecoder

PROMPT_TOKENS: Final = 24
# L2 error over L2 norm at one position, against the same rounded weights. f32 differs in the order
# of sums only: its worst position counts. The integer formats round activations to 8 bits too, so
# that a router may choose another expert where two are close: the median position counts.
TOLERANCE_F32: Final = 1e-4
TOLERANCE_INT: Final = 0.25

Floats = npt.NDArray[np.float32]
# The model directory and token ids [n] -> logits [n, vocab]; the caller owns ONNX Runtime.
LogitsFunction = Callable[[Path, npt.NDArray[np.int64]], Floats]
# The checkpoint and token ids -> logits, None where they cannot be had.
PeerFunction = Callable[[Path, npt.NDArray[np.int64]], Floats | None]


def no_peer(_checkpoint: Path, _ids: npt.NDArray[np.int64]) -> None:
    """Compute nothing: our own reference does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """How far the export is from the checkpoint, over a prompt of random tokens."""

    relative_error: float  # to the numpy reference on equally rounded weights, see above
    top1_agreement: float  # share of positions with the unrounded checkpoint's first choice
    kl_divergence: float  # mean, in nats, of the export from the unrounded checkpoint
    unrounded_by: str  # who computed the unrounded checkpoint: transformers or numpy


def verify_logits(
    checkpoint: Checkpoint,
    spec: DecoderSpec,
    plan: Quantization,
    model: Path,
    run: LogitsFunction,
    peer: PeerFunction = no_peer,
    seed: int = 0,
) -> VerifyReport:
    """Run the model and the reference on the same prompt.

    Args:
        checkpoint: what was exported.
        spec: of the checkpoint.
        plan: by which it was rounded.
        model: the directory.
        run: computes its logits.
        peer: computes the checkpoint's; where it cannot, our own reference does.
        seed: of the prompt.

    Raises:
        ExportError: they differ by more than rounding explains.
    """
    num_tokens = min(PROMPT_TOKENS, spec.context)
    ids = np.random.default_rng(seed).integers(0, spec.vocab, num_tokens)
    found = run(model, ids)
    by_peer = peer(checkpoint.path, ids)
    original = ReferenceDecoder(checkpoint, spec).logits(ids) if by_peer is None else by_peer
    is_exact = plan.experts == plan.dense == plan.embedding == "f32"
    rounded = original if is_exact else ReferenceDecoder(checkpoint, spec, plan).logits(ids)
    errors = relative_errors(found, rounded)
    error = float(errors.max() if is_exact else np.median(errors))
    tolerance = TOLERANCE_F32 if is_exact else TOLERANCE_INT
    if not error <= tolerance:  # also when it is NaN
        raise ExportError(
            f"{model}: expected logits within {tolerance:g} of the reference, found a relative"
            f" error of {error:.3g}; the export is wrong, please report it with its config.json"
        )
    return VerifyReport(
        relative_error=error,
        top1_agreement=float(np.mean(found.argmax(-1) == original.argmax(-1))),
        kl_divergence=float(np.mean(_divergence(original, found))),
        unrounded_by="numpy" if by_peer is None else "transformers",
    )


def relative_errors(found: Floats, expected: Floats) -> Floats:
    """Return the L2 norm of the difference over that of ``expected [n, vocab]``, per position."""
    difference = np.linalg.norm(found - expected, axis=-1)
    return np.asarray(difference / np.linalg.norm(expected, axis=-1))


def _divergence(expected: Floats, found: Floats) -> npt.NDArray[np.float64]:
    p, q = _log_softmax(expected), _log_softmax(found)
    return np.asarray((np.exp(p) * (p - q)).sum(axis=-1))


def _log_softmax(logits: Floats) -> npt.NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
