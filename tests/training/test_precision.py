"""Where bfloat16 is used."""

import pytest

torch = pytest.importorskip("torch")

from training.precision import products, uses_bf16  # noqa: E402 - torch first


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"avx2": True}, False),
        ({}, False),
    ],
)
def test_auto_asks_the_cpu(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: bool
) -> None:
    """Emulated bfloat16 is far slower than float32, so only real instructions count."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)

    assert uses_bf16("auto", "cpu") is expected


def test_recipe_can_insist() -> None:
    """A given precision is taken."""
    assert uses_bf16("bf16", "cpu")
    assert not uses_bf16("fp32", "cuda")
    assert uses_bf16("auto", "cuda:0")


@pytest.mark.parametrize(("half", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_products_run_in_the_chosen_type(half: bool, expected: torch.dtype) -> None:
    """Only matrix products change their type."""
    x = torch.randn(4, 4)

    with products(half=half, device="cpu"):
        assert (x @ x).dtype == expected
        assert (x + x).dtype == torch.float32
