"""The forward pass sees exactly the exporter's 4-bit weights."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from inference.ops.layout import dequantize, quantize  # noqa: E402 - torch first
from training.model import Model  # noqa: E402
from training.quantise import (  # noqa: E402
    is_quantised,
    rounded,
    rounded_on_device,
    rounded_weights,
)
from training.recipe import load_recipe  # noqa: E402


@pytest.fixture
def model() -> Model:
    """The tiny recipe's model."""
    made = Model(load_recipe("tiny").model)
    made.initialise(1)
    return made


def test_rounding_is_the_exporters_bit_for_bit() -> None:
    """One definition, shared."""
    weight = torch.randn(3, 8, 64)

    expected = dequantize(*quantize(weight.numpy(), "int4", 32), 32)

    assert rounded(weight).numpy().tobytes() == expected.astype(np.float32).tobytes()


@pytest.mark.parametrize("columns", [64, 40])
def test_rounding_on_a_device_has_the_same_bits(columns: int) -> None:
    """What a GPU computes: zero blocks, tiny and large values, ties and negative zeros included."""
    weight = torch.randn(5, 300, columns) * torch.logspace(-9, 3, 300).unsqueeze(-1)
    weight[0, :20] = 0.0
    weight[1] = weight[1].mul(8).round().div(8)

    assert rounded_on_device(weight).numpy().tobytes() == rounded(weight).numpy().tobytes()


def test_weights_are_rounded_inside_and_whole_again_outside(model: Model) -> None:
    """Matrices are swapped for the time of a step; embedding, router and norms are not."""
    full = {name: p.detach().clone() for name, p in model.named_parameters()}

    with rounded_weights(model):
        for name, parameter in model.named_parameters():
            expected = rounded(full[name]) if is_quantised(name, parameter) else full[name]
            assert torch.equal(parameter, expected)

    assert all(torch.equal(full[name], p) for name, p in model.named_parameters())
    names = {name for name, p in model.named_parameters() if is_quantised(name, p)}
    assert "layers.0.experts.gate_up" in names
    assert "layers.1.attention.o" in names
    assert not names & {"embedding", "norm", "layers.0.experts.router"}


def test_gradients_reach_the_full_weights(model: Model) -> None:
    """The gradient taken at the rounded weights is kept: straight-through."""
    ids = torch.randint(16, 1024, (2, 17))
    with rounded_weights(model):
        model(ids[:, :-1], ids[:, 1:], 1).nats.backward()
    gradient = model.layers[0].attention.q.grad.clone()
    twin = Model(model.config)
    twin.load_state_dict(model.state_dict())
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            if is_quantised(name, parameter):
                parameter.copy_(rounded(parameter))

    twin(ids[:, :-1], ids[:, 1:], 1).nats.backward()

    assert torch.allclose(gradient, twin.layers[0].attention.q.grad, atol=1e-4)


def test_weights_come_back_after_an_error(model: Model) -> None:
    """A failed step must not leave rounded weights behind."""
    full = model.layers[0].attention.q.detach().clone()

    with pytest.raises(ZeroDivisionError), rounded_weights(model):
        raise ZeroDivisionError

    assert torch.equal(model.layers[0].attention.q, full)
