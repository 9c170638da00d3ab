"""Single steps are timed behind each length of context that the model has room for."""

from pathlib import Path

import pytest

from evaluation import step_time
from evaluation.step_time import CONTEXTS, step_rows
from inference.model_dir import ModelDir
from inference.sizes import model_sizes


def test_rows_go_up_to_the_context(tiny_model: Path) -> None:
    """64 tokens and 4,095 of a context of 4,096; what a token reads grows with the cache."""
    rows = step_rows(tiny_model, 1, 20.0)
    sizes = model_sizes(ModelDir.open(tiny_model))

    assert [row.context_tokens for row in rows] == [CONTEXTS[0], sizes.context - 1]
    for row in rows:
        read = sizes.bytes_per_token + sizes.kv_read_bytes(row.context_tokens)
        assert row.token_mb == round(read / 1e6, 2)
        assert row.tokens_per_s > 0
        # The processor's cache holds so small a model: memory does not limit it.
        assert (row.limit_tokens_per_s, row.share_of_limit) == (None, None)


def test_share_is_that_of_the_bandwidth(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens a second over those that the bytes of a token allow."""
    monkeypatch.setattr(step_time, "last_level_cache_bytes", lambda: 0)
    sizes = model_sizes(ModelDir.open(tiny_model))

    row = step_rows(tiny_model, 1, 20.0)[-1]

    read = sizes.bytes_per_token + sizes.kv_read_bytes(row.context_tokens)
    assert row.limit_tokens_per_s == pytest.approx(20e9 / read, rel=1e-3)
    assert row.limit_tokens_per_s is not None
    assert row.share_of_limit == pytest.approx(row.tokens_per_s / row.limit_tokens_per_s, abs=1e-3)
