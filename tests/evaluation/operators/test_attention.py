"""CachedAttention beside GroupQueryAttention: same answers, figures of both."""

from dataclasses import replace

import pytest

from evaluation.operators import attention
from evaluation.operators.attention import CASES, AttentionCase, bench_attention
from inference.errors import MixlineError

TINY = AttentionCase(name="tiny", heads=4, kv_heads=2, head_dim=32, tokens=1, context=70, calls=3)


@pytest.mark.parametrize(
    "case",
    [
        TINY,
        replace(TINY, tokens=8),
        replace(TINY, tokens=70),
        replace(TINY, kv="int8"),
        replace(TINY, window=20),
        replace(TINY, window=20, sinks=True, tokens=30),
    ],
)
def test_both_sides_answer_alike(case: AttentionCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Window and sinks mean the same to both; an int8 cache is close."""
    monkeypatch.setattr(attention, "last_level_cache_bytes", lambda: 100_000)

    (row,) = bench_attention([case], threads=1)

    assert row.difference < (1e-5 if case.kv == "f32" else 0.03)
    assert (row.tokens, row.context, row.calls) == (case.tokens, 70, 3)
    assert row.ms > 0 < row.ms_gqa
    assert row.gbps > 0 < row.ratio


def test_different_answers_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison of different things has no figures."""
    monkeypatch.setattr(attention, "last_level_cache_bytes", lambda: 1)
    monkeypatch.setattr(attention, "MAX_DIFFERENCE", {"int8": 1e-9})

    with pytest.raises(MixlineError, match="tiny: expected answers within 1e-09 of GroupQuery"):
        bench_attention([replace(TINY, kv="int8")], threads=1)


def test_the_cases_are_those_of_the_docs() -> None:
    """Decoding at four lengths, 8 tokens, a prompt; f32, int8, window with sinks; our own model."""
    assert len(CASES) == 19
    assert {(case.tokens, case.context) for case in CASES} == {
        *((1, context) for context in (512, 1024, 4096, 16384)),
        (8, 4096),
        (512, 512),
    }
