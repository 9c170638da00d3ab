"""How likely each of several texts is behind one prompt, whose keys and values are shared."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from inference.cancel import CancelToken
from inference.kv_cache import KvCache
from inference.session import Session

# N tokens, V vocabulary

Floats: TypeAlias = npt.NDArray[np.float32]


def option_nats(
    session: Session,
    kv: KvCache,
    logits: Floats,
    options: Sequence[Sequence[int]],
    effort: float,
    cancel: CancelToken,
) -> tuple[float, ...] | None:
    """Return minus the log-probability of each option; the slot ends as it was.

    An option that does not fit behind the prompt is scored as far as it fits.

    Args:
        session: of the model.
        kv: holds the prompt.
        logits: behind the prompt, ``[V]``.
        options: token ids of each.
        effort: see `request.parse_effort`.
        cancel: looked at before every forward pass.

    Returns:
        None if it was cancelled.

    Raises:
        MixlineError: the model failed.
    """
    behind = logits.copy()[None]  # the slot's next step overwrites it
    num_prompt = len(kv.tokens)
    found = []
    for whole in options:
        ids = whole[: kv.capacity - num_prompt]
        if cancel.cancelled:
            return None
        nats = nats_of(behind.copy(), ids[:1]) if ids else 0.0
        if len(ids) > 1:
            nats += nats_of(session.run_scored(kv, ids[:-1], 0, effort), ids[1:])
            kv.rewind(num_prompt)
        found.append(nats)
    return tuple(found)


def nats_of(logits: Floats, targets: Sequence[int]) -> float:
    """Return the sum of minus log softmax(logits ``[N, V]``) at the targets ``[N]``; overwrites."""
    num_targets, _ = logits.shape
    if not num_targets:
        return 0.0
    logits -= logits.max(axis=1, keepdims=True)
    chosen = logits[np.arange(num_targets), np.asarray(targets)].astype(np.float64)
    np.exp(logits, out=logits)
    return float(np.sum(np.log(logits.sum(axis=1, dtype=np.float64)) - chosen))
