"""Suffixes in order, as far as their depth."""

import random

import pytest

from inference.suffix_array import DEPTH, sort_suffixes


def never() -> None:
    """Do not pause."""


@pytest.mark.parametrize("letters", [b"ab", b"abcdefgh \n", bytes(range(1, 256))])
def test_suffixes_are_sorted(letters: bytes) -> None:
    """As by comparing them, also where texts repeat and at every length."""
    rng = random.Random(0)  # noqa: S311 - reproducible
    for length in (*range(20), 255, 700):
        text = bytes(rng.choices(letters, k=length))

        assert sort_suffixes(text, never).tolist() == sorted(
            range(length),
            key=lambda at, text=text: text[at:],  # type: ignore[misc]
        )


def test_the_first_bytes_decide() -> None:
    """However much repeats, every suffix is there once and those of other beginnings are sorted."""
    text = b"a" * 3000 + b"b" + b"a" * 3000
    order = sort_suffixes(text, never).tolist()
    begins = [text[at : at + DEPTH] for at in order]

    assert sorted(order) == list(range(len(text)))
    assert begins == sorted(begins)


def test_pauses_are_offered() -> None:
    """At least one in a text that repeats, so that nothing else has to wait for all of it."""
    pauses: list[int] = []
    sort_suffixes(b"value = compute(value)\n" * 100, lambda: pauses.append(1))

    assert len(pauses) >= 2
