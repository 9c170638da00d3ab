"""How much a place foretells, fitted on code: from what it has in common to shares of probability.

Evidence of a place: e^(weights x features of its columns). Places that go on with the same token
add up, less than fully (`_SHARPNESS`), and a token's evidence grows with the network's own
probability of it (`_TRUST`). The network as a whole counts as evidence of its own, which depends on
how sure it is of its first choice. A token's probability is its share of all evidence.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.workspace_match import Column, Table

# N places, F features, K tokens

Floats: TypeAlias = npt.NDArray[np.float32]
Ids: TypeAlias = npt.NDArray[np.intp]
_HINGES: Final = {
    Column.MATCHED: (3.0, 4.0, 5.0, 6.0, 7.0),
    Column.VISIBLE: (3.0, 4.0, 5.0, 6.0),
    Column.FOLLOWING: (2.0, 3.0, 4.0, 5.0),
    Column.RANK: (),
}  # log2(1 + column) and what of it is above each hinge
_FLAGS: Final = (
    (Column.REPEATS, 1),
    (Column.KIND, 0),
    (Column.KIND, 1),
    (Column.KIND, 3),
    (Column.SOURCE, 1),
    (Column.SOURCE, 2),
    (Column.SAME_INDENT, 1),
    (Column.SAME_STEP, 1),
    (Column.UNKNOWN_WORD, 1),
    (Column.KNOWN_LINE, 1),
    (Column.AGREED, 1),
)  # column, value


def features(table: Table) -> Floats:
    """Return the features ``[N, F]`` of places."""
    columns = [np.ones(len(table), dtype=np.float32)]
    for column, hinges in _HINGES.items():
        log = np.log2(1 + table[:, column], dtype=np.float32)
        columns += [log, *(np.maximum(log - hinge, 0) for hinge in hinges)]
    columns += [(table[:, column] == value).astype(np.float32) for column, value in _FLAGS]
    return np.stack(columns, axis=1)


# The figures below are what `python -m evaluation fit-workspace` prints.
_WEIGHTS: Final[Sequence[float]] = (
    -1.2055,
    0.0714,
    0.1224,
    -0.5014,
    0.3613,
    0.3713,
    0.6881,
    0.3557,
    0.868,
    -0.7491,
    -0.0468,
    -0.2937,
    0.4116,
    -0.1129,
    -0.0498,
    0.1454,
    0.783,
    -0.2948,
    -0.0188,
    -0.2702,
    0.6087,
    -0.5678,
    0.757,
    0.8599,
    0.0335,
    0.6889,
    -0.8352,
    -0.8933,
    0.246,
)
_NETWORK: Final = (1.205, 0.4367, 0.0589, -1.1865)
_SHARPNESS: Final = 1.3905
_TRUST: Final = 0.382
_TRUST_AGREED: Final = -0.2959  # on top, where all places inside the cursor's word agree
LEAST: Final = 1e-4  # a network's probability counts as at least so much


def evidence(table: Table) -> Floats:
    """Return the logarithm of the evidence ``[N]`` of places."""
    return features(table) @ np.asarray(_WEIGHTS, dtype=np.float32)


def shares(
    table: Table, which: Ids, probabilities: Floats, peak: float, *, healing: bool
) -> tuple[Floats, float]:
    """Return the share of each token ``[K]``, and that of the network.

    Args:
        table: ``[N, C]``, see `workspace_match.agreed`.
        which: ``[N]``, the index below K of the token that each place goes on with.
        probabilities: ``[K]``, of the network.
        peak: probability of its first choice.
        healing: whether the token writes old text again.
    """
    logs = evidence(table)
    count = len(probabilities)
    tops = np.full(count, -np.inf, dtype=np.float32)
    np.maximum.at(tops, which, logs)
    sums = np.bincount(which, np.exp(_SHARPNESS * (logs - tops[which])), count)
    trust = _TRUST + _TRUST_AGREED * agreement(table, which, count)
    tokens = tops + np.log(sums) / _SHARPNESS + trust * np.log(probabilities + LEAST)
    network = float(np.dot(_NETWORK, network_features(peak, healing=healing)))
    highest = max(network, float(tokens.max()))
    weights = np.exp(tokens - highest)
    kept = float(np.exp(network - highest))
    total = float(weights.sum()) + kept
    return (weights / total).astype(np.float32), kept / total


def agreement(table: Table, which: Ids, count: int) -> Floats:
    """Return 1 for the token ``[K]`` on which all places inside the cursor's word agree, else 0."""
    found = np.zeros(count, dtype=np.float32)
    found[which[table[:, Column.AGREED] > 0]] = 1.0
    return found


def network_features(peak: float, *, healing: bool) -> tuple[float, float, float, float]:
    """Return what the network's own evidence depends on."""
    log = float(np.log(peak + LEAST))
    return 1.0, log, log * log, float(healing)
