"""Padded heads give the scores and sums of the heads that they replace."""

import numpy as np
import pytest

from onnx_export.passes.pad_heads import MULTIPLE, HeadPadding


@pytest.mark.parametrize("head_dim", [2, 8, 16, 24, 30, 64])
def test_projections_keep_their_products(head_dim: int) -> None:
    """Wide query times wide key is query times key; the wide output takes wide values."""
    rng = np.random.default_rng(0)
    padding = HeadPadding(head_dim=head_dim)
    heads, hidden = 3, 20
    w = rng.standard_normal((heads * head_dim, hidden), dtype=np.float32)
    x = rng.standard_normal(hidden, dtype=np.float32)

    wide = padding.rows(w)

    assert padding.padded % MULTIPLE == 0
    assert wide.shape == (heads * padding.padded, hidden)
    narrow_heads, wide_heads = (w @ x).reshape(heads, -1), (wide @ x).reshape(heads, -1)
    np.testing.assert_allclose(
        wide_heads @ wide_heads.T, narrow_heads @ narrow_heads.T, rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(padding.columns(w.T.copy()) @ (wide @ x), w.T @ (w @ x), rtol=1e-4)
    np.testing.assert_array_equal(padding.without_padding(padding.columns(w.T.copy())), w.T)


@pytest.mark.parametrize("head_dim", [8, 16, 24])
def test_norm_over_more_dims_is_the_same_norm(head_dim: int) -> None:
    """Weight and epsilon make up for the zeros in the mean, also for tiny inputs."""
    rng = np.random.default_rng(0)
    padding = HeadPadding(head_dim=head_dim)
    weight = rng.standard_normal(head_dim, dtype=np.float32)
    for size in (1.0, 1e-4):
        x = rng.standard_normal((1, head_dim), dtype=np.float32) * np.float32(size)
        wide = padding.rows(x.T).T

        expected = x / np.sqrt(np.mean(x**2) + 1e-6) * weight
        found = wide / np.sqrt(np.mean(wide**2) + padding.epsilon(1e-6)) * padding.norm(weight)

        np.testing.assert_allclose(found, padding.rows(expected.T).T, rtol=1e-5)
