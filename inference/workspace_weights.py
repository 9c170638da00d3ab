"""How much a place foretells, fitted on code: from what it has in common to shares of probability.

Evidence of a place: e^(weights x features of its columns). Places that go on with the same token
add up, less than fully (`_SHARPNESS`), and a token's evidence grows with the network's own
probability of it (`_TRUST`). The network as a whole counts as evidence of its own, which depends on
how sure it is of its first choice. A token's probability is its share of all evidence.
"""

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
_LOGS: Final = np.asarray([column for column, hinges in _HINGES.items() for _ in (0, *hinges)])
_ABOVE: Final = np.asarray(
    [hinge for hinges in _HINGES.values() for hinge in (0.0, *hinges)], dtype=np.float32
)
_FLAGS: Final = np.asarray(
    (
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
    )
)  # column, value


def features(table: Table) -> Floats:
    """Return the features ``[N, F]`` of places."""
    logs = np.log2(1 + table[:, _LOGS], dtype=np.float32)
    flags = table[:, _FLAGS[:, 0]] == _FLAGS[:, 1]
    ones = np.ones((len(table), 1), dtype=np.float32)
    return np.concatenate([ones, np.maximum(logs - _ABOVE, 0), flags], axis=1, dtype=np.float32)


# The figures below are what `python -m evaluation fit-workspace` prints.
_WEIGHTS: Final = np.asarray(
    (
        -1.0879,
        0.0918,
        0.1836,
        -0.6216,
        0.041,
        0.6289,
        0.6013,
        0.2389,
        0.9236,
        -0.42,
        -0.2696,
        -0.071,
        0.2786,
        -0.0213,
        0.114,
        0.2407,
        0.5489,
        -0.2925,
        0.1833,
        -0.2926,
        0.6226,
        -0.5503,
        0.3479,
        0.7654,
        0.1977,
        0.5375,
        -0.5767,
        -0.9454,
        0.536,
    ),
    dtype=np.float32,
)
_NETWORK: Final = (1.0876, 0.408, 0.0474, -0.9637)
_SHARPNESS: Final = 1.3046
_TRUST: Final = 0.376
_TRUST_AGREED: Final = -0.2073  # on top, where all places inside the cursor's word agree
LEAST: Final = 1e-4  # a network's probability counts as at least so much


def evidence(table: Table) -> Floats:
    """Return the logarithm of the evidence ``[N]`` of places."""
    logs: Floats = features(table) @ _WEIGHTS
    return logs


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
