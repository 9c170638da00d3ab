"""chrF and BLEU as sacrebleu computes them."""

import pytest

from evaluation.text_scores import bleu, chrf, words_13a

TEXTS = ["the cat sat on the mat", "a dog"]
REFERENCES = ["the cat is on the mat", "the dog barked loudly"]


def test_equal_texts_score_full_and_disjoint_ones_nothing() -> None:
    """The ends of the scales."""
    assert chrf(REFERENCES, REFERENCES) == pytest.approx(100)
    assert bleu(REFERENCES, REFERENCES) == pytest.approx(100)
    assert chrf(["xyz"], ["abc"]) == 0
    assert bleu(["xyz"], ["abc"]) == 0


def test_chrf_of_one_pair_by_hand() -> None:
    """Of "ab" against "abc": precision 1, recall 2/3 and 1/2, F2 of each, two orders that count."""
    f2 = [5 * 1 * recall / (4 * 1 + recall) for recall in (2 / 3, 1 / 2)]

    assert chrf(["ab"], ["abc"]) == pytest.approx(100 * sum(f2) / 2)


def test_bleu_of_one_pair_by_hand() -> None:
    """Precisions 5/6, 3/5, 1/4 and, of nothing found, half of 1/3; no text is too short."""
    expected = 100 * (5 / 6 * 3 / 5 * 1 / 4 * 1 / 6) ** 0.25

    assert bleu(TEXTS[:1], REFERENCES[:1]) == pytest.approx(expected)


def test_words_are_split_at_punctuation_but_not_in_numbers() -> None:
    """The tokeniser 13a."""
    assert words_13a('He said, "3.14 (pi)."') == [
        *("He", "said", ",", '"', "3.14", "(", "pi", ")", ".", '"')
    ]
