"""How much a place foretells, fitted on code: from what it has in common to shares of probability.

Evidence of a place: e^(weights x features of its columns). Places that go on with the same token
add up, less than fully (`_SHARPNESS`), and a token's evidence grows with the network's own
probability of it (`_TRUST`). The network as a whole counts as evidence of its own, which depends on
how sure it is of its first choice and on how much of the line is written. A token's probability is
its share of all evidence.
"""

import math
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
    Column.FORETOLD: (1.0, 2.0),
    Column.EXPLAINED: (6.0, 8.0, 9.0),
    Column.ALIKE: (1.0, 2.0, 3.0),
    Column.ALIKE_ABOVE: (1.0, 2.0, 3.0),
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
        (Column.NAMES, 1),
        (Column.NAMES, 2),
        (Column.NAMES, 3),
    )
)  # column, value


# The highest value of each column that is told apart.
_CAPS: Final = np.asarray(
    [
        {
            Column.MATCHED: 1023,
            Column.VISIBLE: 1023,
            Column.RANK: 255,
            Column.EXPLAINED: 4095,
            Column.NAMES: 3,
        }.get(column, 127)
        for column in Column
    ],
    dtype=np.int32,
)


def features(table: Table) -> Floats:
    """Return the features ``[N, F]`` of places."""
    table = np.minimum(table, _CAPS)
    logs = np.log2(1 + table[:, _LOGS], dtype=np.float32)
    flags = table[:, _FLAGS[:, 0]] == _FLAGS[:, 1]
    ones = np.ones((len(table), 1), dtype=np.float32)
    return np.concatenate([ones, np.maximum(logs - _ABOVE, 0), flags], axis=1, dtype=np.float32)


# The figures below are what `python -m evaluation fit-workspace` prints.
_WEIGHTS: Final = np.asarray(
    (
        -0.3183,
        0.445,
        -0.5125,
        0.0917,
        -0.142,
        0.4209,
        0.9089,
        0.2961,
        0.4329,
        -0.0653,
        -0.2889,
        0.1352,
        0.371,
        0.2189,
        -0.1371,
        0.0552,
        0.5503,
        -0.2726,
        -0.4774,
        1.2789,
        -0.4346,
        0.0839,
        0.1357,
        0.1311,
        0.5079,
        -0.4973,
        0.4405,
        0.1808,
        0.2495,
        -0.0918,
        0.1781,
        0.251,
        -0.2305,
        -0.0929,
        0.254,
        0.9404,
        -0.7389,
        0.7098,
        0.3969,
        0.3936,
        0.8059,
        -0.4483,
        -0.9618,
        0.8978,
        0.0502,
        -0.1141,
        -0.2691,
    ),
    dtype=np.float32,
)
_NETWORK: Final = np.asarray((0.3182, -0.5257, -0.1354, -0.4854, 2.4648, -0.8884), dtype=np.float32)
_SHARPNESS: Final = 1.1849
_TRUST: Final = 0.319
_TRUST_AGREED: Final = -0.0131  # on top, where all places inside the cursor's word agree
_MOST_TOKENS: Final = 15  # of a line that count; in a longer one the network is no better judge
LEAST: Final = 1e-4  # a network's probability counts as at least so much


def _by_value() -> Floats:
    """Return what each value of each column adds to the evidence, one column after the other."""
    none = np.zeros((1, len(Column)), dtype=np.int32)
    least = (features(none) @ _WEIGHTS)[0]
    parts = []
    for column in Column:
        table = np.zeros((_CAPS[column] + 1, len(Column)), dtype=np.int32)
        table[:, column] = np.arange(len(table))
        parts.append(features(table) @ _WEIGHTS - least)
    parts[0] += least
    return np.concatenate(parts)


_BY_VALUE: Final = _by_value()
_FIRSTS: Final = np.cumsum([0, *(_CAPS + 1)], dtype=np.int32)[:-1]  # of each column in it
_ONES: Final = np.ones(len(Column), dtype=np.float32)  # a product adds up faster than a sum


def evidence(table: Table) -> Floats:
    """Return the logarithm of the evidence ``[N]`` of places: their features, weighted."""
    logs: Floats = _BY_VALUE.take(np.minimum(table, _CAPS) + _FIRSTS) @ _ONES
    return logs


def shares(
    table: Table, which: Ids, probabilities: Floats, network: Floats
) -> tuple[Floats, float]:
    """Return the share of each token ``[K]``, and that of the network.

    Args:
        table: ``[N, C]``, see `workspace_match.agreed`.
        which: ``[N]``, the index below K of the token that each place goes on with.
        probabilities: ``[K]``, of the network.
        network: see `network_features`.
    """
    logs = evidence(table)
    count = len(probabilities)
    tops = np.full(count, -np.inf, dtype=np.float32)
    np.maximum.at(tops, which, logs)
    sums = np.bincount(which, np.exp(_SHARPNESS * (logs - tops[which])), count)
    trust = _TRUST + _TRUST_AGREED * agreement(table, which, count)
    tokens = tops + np.log(sums) / _SHARPNESS + trust * np.log(probabilities + LEAST)
    own = float(network @ _NETWORK)
    highest = max(own, float(tokens.max()))
    weights = np.exp(tokens - highest)
    kept = float(np.exp(own - highest))
    total = float(weights.sum()) + kept
    return (weights / total).astype(np.float32), kept / total


def agreement(table: Table, which: Ids, count: int) -> Floats:
    """Return 1 for the token ``[K]`` on which all places inside the cursor's word agree, else 0."""
    found = np.zeros(count, dtype=np.float32)
    found[which[table[:, Column.AGREED] > 0]] = 1.0
    return found


def network_features(peak: float, *, tokens: int, healing: bool) -> Floats:
    """Return what the network's own evidence depends on.

    Args:
        peak: probability of its first choice.
        tokens: of the line that the generation has written.
        healing: whether the next token writes old text again.
    """
    log = math.log(peak + LEAST)
    length = math.log2(1 + min(tokens, _MOST_TOKENS))
    return np.asarray((1.0, log, log * log, healing, length, max(length - 1, 0)), dtype=np.float32)
