"""From what places have in common with the cursor to shares of probability."""

import numpy as np
import pytest

from inference.workspace_match import Column, Table, agreed
from inference.workspace_weights import _WEIGHTS, evidence, features, network_features, shares


def row(**columns: int) -> Table:
    """Return the table of one place, a near one with nothing in common unless told."""
    table = np.zeros((1, len(Column)), dtype=np.int32)
    for name, value in {"KIND": 2, **columns}.items():
        table[0, Column[name]] = value
    return table


def log(**columns: int) -> float:
    """Return the evidence of one place."""
    return float(evidence(row(**columns))[0])


def mixed(
    tables: list[Table], which: list[int], chances: list[float], peak: float = 0.5
) -> tuple[list[float], float]:
    """Return the shares of tokens and of the network."""
    weights, kept = shares(
        np.concatenate(tables),
        np.asarray(which),
        np.asarray(chances, dtype=np.float32),
        network_features(peak, tokens=0, healing=False),
    )
    return weights.tolist(), kept


SHORT, LONG = row(MATCHED=8, VISIBLE=7), row(MATCHED=60, VISIBLE=50)


def test_longer_matches_count_more() -> None:
    """What precedes and what follows, each by itself and together."""
    short, long = {"MATCHED": 8, "VISIBLE": 7}, {"MATCHED": 60, "VISIBLE": 50}

    assert log(**short) < log(**long) < log(**long, FOLLOWING=40)
    assert log(**short) < log(**short, FOLLOWING=40)


def test_a_line_that_would_come_twice_counts_less() -> None:
    """The next line, as any line of the document; so does a place further down the list."""
    match = {"MATCHED": 20, "VISIBLE": 16}

    assert log(**match, KNOWN_LINE=1) < log(**match)
    assert log(**match, KNOWN_LINE=1, REPEATS=1) < log(**match)
    assert log(**match, RANK=60) < log(**match)


def test_a_place_that_has_foretold_tokens_counts_more() -> None:
    """With their number, and the more the less the network expected them."""
    match = {"MATCHED": 8, "VISIBLE": 7}
    once = log(**match, FORETOLD=1, EXPLAINED=10)

    assert once < log(**match, FORETOLD=4, EXPLAINED=40)
    assert once < log(**match, FORETOLD=1, EXPLAINED=800)


def test_evidence_is_the_weighted_sum_of_features() -> None:
    """Looked up by value; what is above a column's cap counts as the cap."""
    rng = np.random.default_rng(0)
    table = rng.integers(0, 3, (40, len(Column)), dtype=np.int32)
    for column in (Column.MATCHED, Column.VISIBLE, Column.FOLLOWING, Column.EXPLAINED):
        table[:, column] = rng.integers(0, 6000, 40)

    assert evidence(table) == pytest.approx(features(table) @ _WEIGHTS, abs=1e-4)


def test_shares_are_a_distribution() -> None:
    """Tokens and network together are everything."""
    weights, kept = mixed([SHORT, SHORT, LONG, LONG], [0, 1, 1, 2], [0.5, 0.01, 0.1])

    assert sum(weights) + kept == pytest.approx(1, abs=1e-6)
    assert min(*weights, kept) > 0


def test_agreement_counts_and_so_does_the_network() -> None:
    """More places, or a network that finds the token likely, give a token more."""
    one, _ = mixed([LONG, LONG], [0, 1], [0.1, 0.1])
    three, _ = mixed([LONG] * 4, [0, 1, 1, 1], [0.1, 0.1])
    likely, _ = mixed([LONG, LONG], [0, 1], [0.1, 0.6])

    assert one[0] == pytest.approx(one[1])
    assert one[1] < three[1] < 3 * one[1]
    assert likely[1] > likely[0]


def test_extreme_chances_stay_finite() -> None:
    """Neither overflow nor a lost token."""
    weights, kept = mixed([LONG, SHORT], [0, 1], [1e-30, 1.0], peak=1e-12)

    assert np.isfinite([*weights, kept]).all()
    assert sum(weights) + kept == pytest.approx(1, abs=1e-6)


def test_agreement_inside_a_word_is_a_column() -> None:
    """Only where all places inside the cursor's word go on with the same token."""
    inside, outside = row(WORD=9), row()
    tables = np.concatenate([inside, outside, inside])

    assert agreed(tables, np.asarray([4, 5, 4]))[:, Column.AGREED].tolist() == [1, 0, 1]
    assert agreed(tables, np.asarray([4, 5, 6]))[:, Column.AGREED].tolist() == [0, 0, 0]
    assert agreed(row(WORD=1), np.asarray([4]))[:, Column.AGREED].tolist() == [0]


def test_features_are_as_many_as_weights() -> None:
    """For no place as well."""
    none = np.zeros((0, len(Column)), dtype=np.int32)

    assert features(none).shape == (0, features(row()).shape[1])
    assert evidence(none).shape == (0,)


def test_a_long_line_makes_the_network_no_better_judge() -> None:
    """From some length on its evidence is the same: few lines that long were fitted to."""
    early, long, longer = (network_features(0.5, tokens=n, healing=False)[4] for n in (2, 15, 60))

    assert early < long == longer
